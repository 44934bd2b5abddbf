use super::*;

fn parse(text: &str) -> Result<Settings, SettingsError> {
    Settings::parse(text, Path::new("/etc/x.toml"))
}

#[test]
fn a_misspelt_member_is_named_with_file_and_line() {
    let error = parse("pool = []\nhashservers = []\n")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("settings file /etc/x.toml, line 2"),
        "{error}"
    );
    assert!(error.contains("hashservers"), "{error}");
}

#[test]
fn a_token_is_shown_nowhere() {
    let settings =
        parse("token = \"hg_secret\"\n[tokens]\n\"http://example.org/\" = \"hg_other\"\n").unwrap();
    assert!(!format!("{settings:?}").contains("hg_"));
    let error = parse("token = \"hg_secret\"\npool = 1\n").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hg_secret"));
    let token = |url| settings.token_for(url).map(Token::secret);
    assert_eq!(token("http://example.org"), Some("hg_other"));
    assert_eq!(token("http://example.com"), Some("hg_secret"));
}

#[test]
fn upper_layers_win_and_leave_the_rest() {
    let variable = |name: &str| match name {
        "HASHGET_POOL" => Some("/a  http://localhost/p".into()),
        "HASHGET_HASHSERVER" => Some("".into()),
        "HASHGET_FILESZ" => Some("7".into()),
        _ => None,
    };
    let lower = parse("filesz = 8\nanchsz = 9\nhashserver = [\"http://localhost/\"]").unwrap();
    let settings = Settings::from_variables(&variable).unwrap().over(lower);
    let pools: Vec<PathBuf> = settings.pool.unwrap();
    assert_eq!(pools, [Path::new("/a"), Path::new("http://localhost/p")]);
    assert_eq!(settings.hashserver, Some(Vec::new()));
    assert_eq!((settings.filesz, settings.anchsz), (Some(7), Some(9)));
}

#[test]
fn limits_of_packages_are_set_one_by_one() {
    let variable = |name: &str| (name == "HASHGET_PACKAGE_LIMITS").then(|| "max_depth=3".into());
    let lower = parse("[package_limits]\nmax_depth = 2\nmax_entries = 5\n").unwrap();
    let settings = Settings::from_variables(&variable).unwrap().over(lower);
    let limits = settings.package_limits.unwrap().limits();
    assert_eq!((limits.max_depth, limits.max_entries), (3, 5));
    let error = parse("[package_limits]\nmax_files = 2\n").unwrap_err();
    assert!(error.to_string().contains("max_files"), "{error}");
    let variable = |name: &str| (name == "HASHGET_PACKAGE_LIMITS").then(|| "max_depth".into());
    let error = Settings::from_variables(&variable).unwrap_err().to_string();
    assert!(error.contains("HASHGET_PACKAGE_LIMITS"), "{error}");
}

#[test]
fn a_wrong_variable_is_named() {
    let variable = |name: &str| (name == "HASHGET_JOBS").then(|| "many".into());
    let error = Settings::from_variables(&variable).unwrap_err().to_string();
    assert!(
        error.contains("HASHGET_JOBS") && error.contains("many"),
        "{error}"
    );
}

#[test]
fn a_named_file_must_be_there() {
    let variable = |name: &str| (name == "HASHGET_CONFIG").then(|| "/nonexistent/x".into());
    assert!(matches!(
        Settings::load(&variable),
        Err(SettingsError::Read { .. })
    ));
}
