//! The user that PostgreSQL runs as: it refuses to run as root.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, DirBuilder, Metadata, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

/// The number that means nobody where no such name is known.
const NOBODY: u32 = 65_534;

/// Who runs `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether we are root and become this one.
    switch: bool,
}

impl Account {
    /// Ourselves, or as root the owner of the cluster, else `postgres`, else `nobody`.
    ///
    /// An existing cluster keeps its owner: PostgreSQL demands it, and a volume may come from another image where
    /// `postgres` has another number.
    pub(crate) fn choose(cluster: &Path) -> Result<Self, Error> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let owner = fs::metadata(cluster).ok().map(|found| (found.uid(), found.gid()));
        if uid != 0 {
            let own = Self {
                name: named(&users, uid),
                uid,
                gid,
                switch: false,
            };
            return match owner {
                Some((owner, _)) if owner != uid => {
                    let reason = format!("it belongs to user {}", named(&users, owner));
                    Err(Error::Account {
                        directory: cluster.to_owned(),
                        account: own.name,
                        reason,
                    })
                }
                Some(_) | None => Ok(own),
            };
        }
        if let Some((owner, group)) = owner.filter(|(owner, _)| *owner != 0) {
            return Ok(Self {
                name: named(&users, owner),
                uid: owner,
                gid: group,
                switch: true,
            });
        }
        let (name, uid, gid) = find(&users, "postgres")
            .map(|(uid, gid)| ("postgres", uid, gid))
            .or_else(|| find(&users, "nobody").map(|(uid, gid)| ("nobody", uid, gid)))
            .unwrap_or(("nobody", NOBODY, NOBODY));
        Ok(Self {
            name: name.to_owned(),
            uid,
            gid,
            switch: true,
        })
    }

    /// The name, if it is another than ours.
    pub(crate) fn other(&self) -> Option<&str> {
        self.switch.then_some(self.name.as_str())
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// Makes the child this user. The standard library drops the supplementary groups of root with it.
    pub(super) fn apply(&self, command: &mut Command) {
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Makes an empty directory of this user, that nobody else may look into.
    pub(super) fn make_private(&self, path: &Path) -> Result<(), Error> {
        let failed = |source: io::Error| Error::path("create", path, source);
        DirBuilder::new().mode(0o700).create(path).map_err(failed)?;
        if self.switch {
            chown(path, Some(self.uid), Some(self.gid)).map_err(failed)?;
        }
        Ok(())
    }

    /// Makes a directory of ours that this user may pass, with its parents, unless it is there.
    pub(crate) fn make_passable(&self, path: &Path) -> Result<(), Error> {
        let missing: Vec<PathBuf> = path
            .ancestors()
            .take_while(|path| !path.exists())
            .map(Path::to_path_buf)
            .collect();
        let mode = if self.switch { 0o755 } else { 0o700 };
        for path in missing.iter().rev() {
            let failed = |source: io::Error| Error::path("create", path, source);
            match DirBuilder::new().mode(mode).create(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other.map_err(failed)?,
            }
            // The umask of root may be narrower.
            fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
        }
        Ok(())
    }

    /// Errs if this user cannot reach the directory.
    pub(crate) fn check_reach(&self, path: &Path) -> Result<(), Error> {
        match self.barrier(path) {
            None => Ok(()),
            Some(barrier) => Err(Error::Account {
                reason: format!("it may not enter {}", barrier.display()),
                directory: path.to_owned(),
                account: self.name.clone(),
            }),
        }
    }

    /// Whether this user can reach the file.
    pub(super) fn reaches(&self, path: &Path) -> bool {
        self.barrier(path).is_none()
    }

    fn barrier(&self, path: &Path) -> Option<PathBuf> {
        if !self.switch {
            return None;
        }
        let path = path.canonicalize().ok()?;
        let closed = |path: &&Path| fs::metadata(path).is_ok_and(|found| !self.executes(&found));
        path.ancestors().find(closed).map(Path::to_path_buf)
    }

    fn executes(&self, found: &Metadata) -> bool {
        let bit = if found.uid() == self.uid {
            0o100
        } else if found.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        found.mode() & bit != 0
    }
}

/// The numbers of a user in the text of `/etc/passwd`. Users from elsewhere (LDAP) are not seen.
fn find(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(name);
        let (uid, gid) = (fields.nth(1)?, fields.next()?);
        if found {
            Some((uid.parse().ok()?, gid.parse().ok()?))
        } else {
            None
        }
    })
}

fn named(users: &str, uid: u32) -> String {
    let number = uid.to_string();
    let line = users.lines().find(|line| line.split(':').nth(2) == Some(&number));
    line.and_then(|line| line.split(':').next())
        .map_or(number, str::to_owned)
}
