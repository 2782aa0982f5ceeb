//! The file of `quest`.

use std::{env, fs, path::PathBuf, process};

use super::read_file;

#[test]
fn paths_in_the_file_are_relative_to_the_file() {
    let directory = env::temp_dir().join(format!("sidequest-quest-file-{}", process::id()));
    fs::create_dir_all(&directory).expect("the temporary directory can be written");
    let file = directory.join("quest.toml");
    let text = "data = \"body.json\"\n\
                values = [\"id=@ids.txt\", \"n=1..5\", \"at=a,=@b\"]\n\
                proxy-log = [\"access.log\", \"/var/log/nginx/error.log\"]\n\
                fail-if = [\"worse-than=before\", \"p99>300ms\"]\n";
    fs::write(&file, text).expect("the temporary directory can be written");
    let settings = read_file(&file);
    fs::remove_dir_all(&directory).expect("it was ours");
    let settings = settings.expect("the file is right");
    let here = |name: &str| directory.join(name).display().to_string();
    assert_eq!(settings.data, Some(directory.join("body.json")));
    assert_eq!(
        settings.values,
        [
            format!("id=@{}", here("ids.txt")),
            "n=1..5".to_owned(),
            "at=a,=@b".to_owned()
        ]
    );
    assert_eq!(
        settings.proxy_log,
        [
            directory.join("access.log"),
            PathBuf::from("/var/log/nginx/error.log")
        ]
    );
    assert_eq!(
        settings.fail_if,
        [format!("worse-than={}", here("before")), "p99>300ms".to_owned()]
    );
}
