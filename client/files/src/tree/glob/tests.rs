use proptest::prelude::*;

use super::*;

fn parse(pattern: &[u8]) -> Result<Glob, &'static str> {
    let roots = [vec![b"srv".to_vec(), b"www".to_vec()]];
    Glob::parse(pattern, Unslashed::AnyDepth, &roots)
}

fn matches_kind(pattern: &str, path: &str, is_directory: bool) -> bool {
    let components: Vec<&[u8]> = path.split('/').map(str::as_bytes).collect();
    parse(pattern.as_bytes())
        .unwrap()
        .matches(&components, is_directory)
}

fn matches(pattern: &str, path: &str) -> bool {
    matches_kind(pattern, path, false)
}

#[test]
fn without_a_slash_any_depth_is_meant() {
    for pattern in [
        "tmp", "t*", "t?p", "[r-u]mp", "[!a]mp", "\\tmp", "**/tmp", "*",
    ] {
        for path in ["tmp", "a/tmp", "a/b/tmp"] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
    }
    assert!(!matches("tmp", "a/tmpx") && !matches("tmp", "tmp/x"));
    assert!(matches_kind("tmp/", "a/tmp", true) && !matches_kind("tmp/", "a/tmp", false));
}

#[test]
fn with_a_slash_it_is_anchored_at_the_root() {
    for pattern in ["/tmp", "./tmp", "/t*"] {
        assert!(
            matches(pattern, "tmp") && !matches(pattern, "a/tmp"),
            "{pattern}"
        );
    }
    assert!(matches("a/tmp", "a/tmp") && !matches("a/tmp", "b/a/tmp"));
    assert!(matches_kind("/tmp/", "tmp", true) && !matches_kind("/tmp/", "a/tmp", true));
}

#[test]
fn absolute_paths_below_the_root_are_made_relative() {
    assert!(matches("/srv/www/a/b", "a/b") && !matches("/srv/www/a/b", "srv/www/a/b"));
    assert!(matches("/srv/www/*.o", "x.o") && !matches("/srv/www/*.o", "a/x.o"));
    assert!(matches("./srv/www/a", "srv/www/a") && matches("srv/www/a", "srv/www/a"));
    assert!(matches("/srv/wwwx/a", "srv/wwwx/a"));
    assert!(
        parse(b"/srv/www").is_err(),
        "the root itself cannot be left out"
    );
}

#[test]
fn stored_patterns_may_mean_the_root_only() {
    let glob = Glob::parse(b"tmp", Unslashed::InRoot, &[]).unwrap();
    assert!(glob.matches(&[b"tmp"], false) && !glob.matches(&[b"a", b"tmp"], false));
}

#[test]
fn a_double_star_is_any_depth() {
    assert!(matches("a/**/z", "a/z") && matches("a/**/z", "a/b/c/z"));
    assert!(!matches("a/**", "a") && matches("a/**", "a/b") && matches("a/**", "a/b/c"));
    assert!(matches("**/a/**/b", "x/a/y/a/z/b"));
}

#[test]
fn single_stars_stay_in_one_component() {
    assert!(matches("/*.o", "x.o") && matches("/*.o", ".o") && !matches("/*.o", "a/x.o"));
    assert!(matches("a*b*c", "aXbYbZc") && !matches("a*b*c", "aXbYbZ"));
}

#[test]
fn a_question_mark_is_one_character() {
    assert!(matches("?", "é") && matches("caf?", "café") && matches("?", "😀"));
    assert!(!matches("??", "é") && !matches("*???", "😀") && matches("*?", "😀"));
    assert!(matches("[à-ü]", "é") && !matches("[!é]", "é") && matches("[!a]", "é"));
    let glob = parse(b"?\xe9?").unwrap();
    assert!(
        glob.matches(&[b"\xff\xe9\xc3"], false),
        "a lone byte is one"
    );
}

#[test]
fn special_characters_can_be_escaped() {
    assert!(matches("\\*", "*") && !matches("\\*", "a"));
    assert!(matches("\\[a]", "[a]"));
    assert!(matches("[]a]", "]") && matches("[]a]", "a"));
    assert!(matches("[a-]", "-") && matches("[\\]]", "]"));
}

#[test]
fn bytes_need_not_be_text() {
    let glob = parse(b"caf\xe9*").unwrap();
    assert!(glob.matches(&[b"caf\xe9\n"], false));
    assert!(!glob.matches(&["café".as_bytes()], false));
}

#[test]
fn wrong_patterns_are_refused() {
    for pattern in [
        "", "/", ".", "../x", "a/..", "[a", "[", "[]", "a\\", "[z-a]",
    ] {
        assert!(parse(pattern.as_bytes()).is_err(), "{pattern}");
    }
}

proptest! {
    #[test]
    fn an_escaped_path_matches_itself_and_is_literal(name in "[a*?\\[\\]\\\\!é\\n-]{1,8}(/[b*]{1,3})?") {
        let escape = |c: char| if c == '/' || !c.is_ascii() { c.to_string() } else { format!("\\{c}") };
        let escaped: String = name.chars().map(escape).collect();
        let glob = parse(escaped.as_bytes()).unwrap();
        let components: Vec<&[u8]> = name.split('/').map(str::as_bytes).collect();
        prop_assert!(glob.matches(&components, false));
        let wanted = name.as_bytes().to_vec();
        let wanted = if components.len() == 1 { Literal::Name(wanted) } else { Literal::Path(wanted) };
        prop_assert_eq!(glob.literal(), Some(wanted));
    }

    #[test]
    fn any_pattern_is_parsed_and_matched_without_panic(pattern: Vec<u8>, name: Vec<u8>) {
        if let Ok(glob) = parse(&pattern) {
            glob.matches(&[&name[..], b"x"], true);
        }
    }
}
