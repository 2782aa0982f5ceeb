//! Records from text, whole and byte by byte.

use super::*;

#[derive(Default)]
struct Records {
    fields: Vec<String>,
    lines: Vec<String>,
}

impl Sink for Records {
    fn field(&mut self, value: Option<&[u8]>) {
        let text = value.map(|value| format!("[{}]", String::from_utf8_lossy(value)));
        self.fields.push(text.unwrap_or_else(|| "null".to_owned()));
    }

    fn end(&mut self, line: u64) -> Result<(), String> {
        self.lines.push(format!("{line}:{}", self.fields.join("")));
        self.fields.clear();
        Ok(())
    }
}

fn read(parts: &[&[u8]]) -> String {
    let mut records = Records::default();
    let mut reader = Reader::default();
    let read = parts.iter().try_for_each(|part| reader.read(part, &mut records));
    match read.and_then(|()| reader.finish(&mut records)) {
        Ok(()) => records.lines.join(" "),
        Err(problem) => problem,
    }
}

#[test]
fn records_are_read_as_copy_does() {
    for (text, expect) in [
        ("", ""),
        ("a,b\n", "1:[a][b]"),
        ("a,b", "1:[a][b]"),
        ("a,b\r\nc,d\r\n", "1:[a][b] 2:[c][d]"),
        ("a\rb\r", "1:[a] 2:[b]"),
        (",\n", "1:nullnull"),
        ("\"\",\n", "1:[]null"),
        ("\n\n", "1:null 2:null"),
        ("\"a\"\"b\",\"c,d\"\n", "1:[a\"b][c,d]"),
        ("\"a\nb\",c\nd,e\n", "2:[a\nb][c] 3:[d][e]"),
        ("\"a\r\nb\"\n", "2:[a\r\nb]"),
        ("a\"b,c\"d\n", "1:[ab,cd]"),
        (" a , b \n", "1:[ a ][ b ]"),
        ("\"a\"", "1:[a]"),
        ("x\n\"a\nb", "line 3: a quote is not closed"),
        ("ä,🛩\n", "1:[ä][🛩]"),
    ] {
        assert_eq!(read(&[text.as_bytes()]), expect, "{text:?}");
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes), expect, "{text:?} byte by byte");
    }
}

#[test]
fn a_header_is_the_first_record() {
    let check = |text: &str, is_all, expect: Option<&[&str]>| {
        let expect = expect.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(header(text.as_bytes(), is_all), expect, "{text:?}");
    };
    check("a,b\n1,2\n", false, Some(&["a", "b"]));
    check("\u{feff}a,\"b \"\"c\"\"\"\r\n", false, Some(&["a", "b \"c\""]));
    check("a,b", false, None);
    check("a,b", true, Some(&["a", "b"]));
    check("a,,b\n", true, None);
    check("\n", true, None);
    check("", true, None);
}
