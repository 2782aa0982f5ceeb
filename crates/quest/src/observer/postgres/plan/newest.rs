//! Views that keep the newest version of each object by `DISTINCT ON`, and the same view said otherwise: no newer
//! version exists. The planner can then begin with the condition of the statement, which it cannot push below
//! `DISTINCT ON`. Only what is surely the same is rewritten: one table, no condition, one version.

/// A view of the newest versions, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Newest {
    /// The view.
    pub(super) view: String,
    /// Its one table.
    pub(super) table: String,
    /// What is distinct.
    pub(super) keys: Vec<String>,
    /// What says which is newer.
    pub(super) version: String,
    is_descending: bool,
    /// Its columns, as they are written.
    columns: String,
}

/// Understands the definition of a view, as the database prints it.
pub(super) fn understood(view: &str, definition: &str) -> Option<Newest> {
    let text = definition.split_whitespace().collect::<Vec<_>>().join(" ");
    let rest = text.trim_end_matches(';').strip_prefix("SELECT DISTINCT ON (")?;
    let (keys, rest) = rest.split_once(") ")?;
    let (columns, rest) = rest.split_once(" FROM ")?;
    let (table, order) = rest.split_once(" ORDER BY ")?;
    // A join, a condition or an alias is more than is understood here.
    if !is_name(table) || columns.contains('(') {
        return None;
    }
    let keys = keys.split(", ").map(name).collect::<Option<Vec<String>>>()?;
    let mut order = order.split(", ");
    for key in &keys {
        if name(order.next()?)? != *key {
            return None;
        }
    }
    let last = order.next()?;
    if order.next().is_some() {
        return None;
    }
    let (column, is_descending) = match last.strip_suffix(" DESC") {
        Some(column) => (column, true),
        None => (last, false),
    };
    Some(Newest {
        view: view.to_owned(),
        table: table.to_owned(),
        keys,
        version: name(column)?,
        is_descending,
        columns: columns.to_owned(),
    })
}

impl Newest {
    /// The same view, so that a condition can be used before what is newest is known.
    pub(super) fn rewritten(&self) -> String {
        let Newest {
            table,
            keys,
            version,
            columns,
            ..
        } = self;
        let same: String = keys
            .iter()
            .map(|key| format!("newer.{key} = {table}.{key} AND "))
            .collect();
        let is_newer = if self.is_descending { '>' } else { '<' };
        format!(
            "SELECT {columns} FROM {table} WHERE NOT EXISTS (SELECT FROM {table} newer WHERE {same}newer.{version} {is_newer} {table}.{version})"
        )
    }

    /// The statement that makes it so.
    pub(super) fn sql(&self) -> String {
        format!("CREATE OR REPLACE VIEW {} AS {};", self.view, self.rewritten())
    }

    /// A statement with the rewritten view in the place of the view; none if it does not read it.
    pub(super) fn within(&self, statement: &str) -> Option<String> {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let mut is_found = false;
        let mut out: Vec<String> = Vec::with_capacity(words.len());
        for (at, word) in words.iter().enumerate() {
            let follows = at > 0 && ["from", "join"].contains(&words[at - 1].to_ascii_lowercase().as_str());
            let end = word
                .find(|letter: char| !(letter.is_alphanumeric() || "_.\"".contains(letter)))
                .unwrap_or(word.len());
            let (read, rest) = word.split_at(end);
            let bare = read.rsplit('.').next().unwrap_or(read);
            if !follows || bare != self.view.rsplit('.').next().unwrap_or(&self.view) {
                out.push((*word).to_owned());
                continue;
            }
            is_found = true;
            let next = words.get(at + 1).map(|next| next.to_ascii_lowercase());
            let has_alias = rest.is_empty()
                && next.is_some_and(|next| {
                    next.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
                        && !AFTER_A_TABLE.contains(&next.trim_end_matches([';', ')', ',']))
                        || next == "as"
                });
            let alias = if has_alias {
                String::new()
            } else {
                format!(" AS {bare}")
            };
            out.push(format!("({}){alias}{rest}", self.rewritten()));
        }
        is_found.then(|| out.join(" "))
    }
}

/// What may follow a table that has no alias.
const AFTER_A_TABLE: [&str; 20] = [
    "where",
    "order",
    "group",
    "having",
    "limit",
    "offset",
    "on",
    "using",
    "join",
    "left",
    "right",
    "inner",
    "full",
    "cross",
    "natural",
    "union",
    "intersect",
    "except",
    "for",
    "window",
];

/// A column, without its table.
fn name(text: &str) -> Option<String> {
    let name = text.rsplit('.').next()?;
    is_name(name).then(|| name.to_owned())
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::understood;

    const POSTED: &str = " SELECT DISTINCT ON (flight_revisions.id) flight_revisions.id,\n    flight_revisions.revision,\n    flight_revisions.tailnum\n   FROM flight_revisions\n  ORDER BY flight_revisions.id, flight_revisions.revision DESC;";

    #[test]
    fn the_newest_of_each_is_what_has_no_newer() {
        let newest = understood("flights", POSTED).expect("it is of that form");
        assert_eq!(
            newest.sql(),
            "CREATE OR REPLACE VIEW flights AS SELECT flight_revisions.id, flight_revisions.revision, \
             flight_revisions.tailnum FROM flight_revisions WHERE NOT EXISTS (SELECT FROM flight_revisions newer \
             WHERE newer.id = flight_revisions.id AND newer.revision > flight_revisions.revision);"
        );
    }

    #[test]
    fn a_statement_reads_the_rewritten_view_under_the_same_name() {
        let newest = understood("flights", POSTED).expect("it is of that form");
        let check = |statement: &str, before: &str, after: &str| {
            let written = newest.within(statement).expect("it reads the view");
            assert_eq!(written, format!("{before}({}){after}", newest.rewritten()));
        };
        check(
            "select id\nfrom flights\nwhere tailnum = any($1)",
            "select id from ",
            " AS flights where tailnum = any($1)",
        );
        check("select f.id from flights f", "select f.id from ", " f");
        check(
            "select id from (select * from flights) x",
            "select id from (select * from ",
            " AS flights) x",
        );
        assert_eq!(newest.within("select flights from airports"), None);
    }

    #[test]
    fn what_is_more_than_that_is_not_touched() {
        for definition in [
            "SELECT DISTINCT ON (a.id) a.id FROM a WHERE a.x > 1 ORDER BY a.id, a.v DESC;",
            "SELECT DISTINCT ON (a.id) a.id FROM (a JOIN b USING (id)) ORDER BY a.id, a.v DESC;",
            "SELECT DISTINCT ON (a.id) a.id FROM a ORDER BY a.id;",
            "SELECT DISTINCT ON (a.id) a.id FROM a ORDER BY a.id, a.v DESC, a.w;",
            "SELECT a.id FROM a;",
        ] {
            assert_eq!(understood("v", definition), None, "{definition}");
        }
    }
}
