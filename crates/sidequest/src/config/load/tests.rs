//! What a command line of `load` comes to.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    load: Load,
}

fn line(arguments: &[&str]) -> Result<Load, String> {
    let line = std::iter::once(&"load").chain(arguments);
    Line::try_parse_from(line)
        .map(|line| line.load)
        .map_err(|error| error.to_string())
}

fn resolved(arguments: &[&str]) -> Run {
    Run::resolve(line(arguments).unwrap()).unwrap()
}

#[test]
fn what_is_spoken_in_cleartext_says_nothing_of_tls() {
    for (url, flags, expect) in [
        ("http://a.test/", &["-p", "h2c"][..], Protocol::Http2),
        ("http://a.test/", &["-p", "http/1.1"][..], Protocol::Http1),
        ("https://a.test/", &["-p", "h2c"][..], Protocol::Auto),
        ("https://a.test/", &["-p", "http/1.1"][..], Protocol::Auto),
        ("https://a.test/", &["--h1"][..], Protocol::Http1),
        ("https://a.test/", &["--h2"][..], Protocol::Http2),
        ("http://a.test/", &[][..], Protocol::Auto),
    ] {
        let run = resolved(&[&[url][..], flags].concat());
        assert_eq!(run.config.protocol, expect, "{url} {flags:?}");
    }
}

#[test]
fn tables_of_headers_are_sized_as_h2load_reads_them() {
    for (said, expect) in [("4K", 4_096), ("0", 0), ("64k", 65_536), ("100", 100)] {
        let run = resolved(&["--header-table-size", said, "http://a.test/"]);
        assert_eq!(run.config.header_table_bytes, expect, "{said}");
    }
    let run = resolved(&["--encoder-header-table-size", "2K", "http://a.test/"]);
    assert_eq!(run.config.encoder_table_bytes, 2_048);
    for said in ["65K", "1M", "1G", "4G", "K", "", "-1", "4KK", "65537"] {
        let error = line(&[&format!("--header-table-size={said}"), "http://a.test/"]).unwrap_err();
        assert!(error.contains("give 0 to 65536 bytes"), "{said}: {error}");
    }
    let error = line(&["--encoder-header-table-size", "8K", "http://a.test/"]).unwrap_err();
    assert!(error.contains("give 0 to 4096 bytes"), "{error}");
}

#[test]
fn a_scenario_without_a_seed_takes_one_from_the_clock() {
    let path = env::temp_dir().join(format!("sidequest-load-seed-{}.toml", std::process::id()));
    let paths = |seed: &str, flags: &[&str]| {
        let text = format!(
            "url = \"http://a.test\"\norder = \"random\"\n{seed}\n\
             [values]\nid = \"1..1000000\"\n[[request]]\npath = \"/{{id}}\""
        );
        fs::write(&path, text).unwrap();
        let run = resolved(&[&["--scenario", path.to_str().unwrap()][..], flags].concat());
        (0..20).map(|at| run.scenario.path_of(at)).collect::<Vec<_>>()
    };
    assert_ne!(paths("", &[]), paths("", &[]), "the clock goes on");
    assert_eq!(paths("seed = 7", &[]), paths("seed = 7", &[]));
    assert_eq!(paths("seed = 7", &["--seed", "8"]), paths("", &["--seed", "8"]));
    fs::remove_file(&path).unwrap();
}
