#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use ccc_core::Result;

use super::Config;
use super::settings::{ENV_ONLY, SETTINGS};

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), file).unwrap();
    Config::load(
        Some(path.path()),
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

#[test]
fn variables_that_look_like_settings_are_reported() {
    for (name, expected) in [
        ("CCC_AGENT_KIND", Some("did you mean CCC_AGENT__KIND?")),
        ("CCC_DATADIR", Some("did you mean CCC_DATA_DIR?")),
        ("CCC_SERVICE_HOST", Some("is not a setting and is ignored")),
        ("CCC_LOG", None),
        ("CCC_AGENT__KIND", None),
        ("PATH", None),
    ] {
        let config = Config::load(None, [(name.to_owned(), "command:true".to_owned())]).unwrap();
        let warnings = config.warnings();
        assert_eq!(warnings.len(), usize::from(expected.is_some()), "{name}: {warnings:?}");
        if let Some(expected) = expected {
            assert!(warnings[0].contains(name) && warnings[0].contains(expected), "{warnings:?}");
        }
    }
    // With two underscores, an unknown name is an error.
    let error = Config::load(None, [("CCC_AGENT__KND".to_owned(), "x".to_owned())]).unwrap_err();
    assert!(error.to_string().contains("agent.kind"), "{error}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "listen = '127.0.0.1:1'\n[github]\napp_id = 1\n[policy]\nlabel = 'ai'\n";
    let config = load(
        file,
        &[
            ("CCC_LISTEN", "127.0.0.1:2"),
            ("CCC_GITHUB__APP_ID", "7"),
            ("CCC_POLICY__ALLOWED_ACTORS", "[1, 2]"),
            ("CCC_POLICY__ON_REOPENED", "true"),
            ("CCC_REQUIRE", "docker"),
            ("HOME", "/"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.unwrap().port(), 2);
    assert_eq!(config.github.app_id, Some(7));
    assert_eq!(config.policy.label, "ai");
    assert_eq!(config.policy.allowed_actors, [1, 2]);
    assert!(config.policy.on_opened && config.policy.on_reopened);
    assert!(!load(file, &[]).unwrap().policy.on_reopened);
}

#[test]
fn an_error_names_the_wrong_setting() {
    for (file, variable, expected) in [
        ("listn = 'x'", None, "did you mean `listen`?"),
        ("[github]\nappid = 1", None, "no setting `github.appid`; did you mean `github.app_id`?"),
        ("", Some(("CCC_GITHUB__PRIVATE_KEY_FIL", "x")), "did you mean `github.private_key_file`?"),
        ("[github]\nwebhook_secret = 'x'", None, "a secret and must not be in this file"),
        ("a = ", None, "line 1"),
        ("[policy]\npermission = 'some'", None, "triage, write, maintain or admin"),
        ("[policy]\nmention = 'claude'", None, "write a mention such as @claude"),
    ] {
        let error = load(file, variable.as_slice()).unwrap_err().to_string();
        assert!(error.contains(expected), "{file:?} {variable:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn an_error_names_the_place_the_setting_and_an_example() {
    let variable = |name, value| ("", Some((name, value)));
    for ((file, variable), expected) in [
        (variable("CCC_LISTEN", "nowhere"), ["CCC_LISTEN", "`listen`", "127.0.0.1:8080"]),
        (variable("CCC_LISTEN", "localhost"), ["CCC_LISTEN", "`listen`", "127.0.0.1:8080"]),
        (variable("CCC_GITHUB__APP_ID", "\"123\""), ["APP_ID", "`github.app_id`", "12345"]),
        (variable("CCC_AGENT__WALL_SECONDS", "10m"), ["WALL_SECONDS", "is a text", "1800"]),
        (variable("CCC_POLICY__ALLOWED_ACTORS", "alice"), ["ALLOWED_ACTORS", "a list", "[583231]"]),
        (variable("CCC_POLICY__ON_OPENED", "yes"), ["ON_OPENED", "is a text", "true or false"]),
        (
            variable("CCC_RUNS__CONCURRENCY", "-1"),
            ["CONCURRENCY", "a negative number", "such as 4"],
        ),
        (("\n[github]\napp_id = 'x'", None), [", line 3: ", "`github.app_id` is a text", "12345"]),
        (("listen = 5", None), [", line 1: ", "`listen` is a number", "127.0.0.1:8080"]),
        (("[agent]\nmodel = ['m']", None), [", line 2: ", "is a list", "opus"]),
        (
            ("[runs]\nconcurrency = 'x'", Some(("CCC_POLICY__MAX_FILES", "many"))),
            ["line 2: the value of the setting `runs.concurrency`", "; ", "`policy.max_files`"],
        ),
    ] {
        let error = load(file, variable.as_slice()).unwrap_err().to_string();
        let complete = expected.iter().all(|part| error.contains(part));
        assert!(complete, "{file:?} {variable:?}: {error}");
    }
}

/// Returns the text of each error that the settings of `section` in `config` cause before the service
/// contacts another program.
async fn errors(config: Config, section: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { data_dir: Some(directory.path().to_owned()), ..config };
    let mut limits = ccc_core::pipeline::Limits::default();
    let errors = match section {
        "github" => {
            let tokens = std::sync::Arc::new(ccc_store::MemoryCredentialStore::default());
            vec![
                config.github.private_key().err(),
                config.github.webhook_secrets().err(),
                crate::adapters::github(&config, tokens).err(),
            ]
        }
        "store" if config.store.passphrase.is_some() => Vec::new(),
        "store" => {
            let opened = crate::credentials::ReloadingStore::open(&config).await.err();
            vec![opened, config.store.secret().err()]
        }
        "runner" => {
            let limits = config.runner.limit(&mut limits).err();
            vec![limits, crate::adapters::runner(&config, None).err()]
        }
        "agent" => {
            let kind = config.agent.kind.as_deref().unwrap_or("claude");
            let built = crate::adapters::Adapters::from_config(&config, kind, None, None).await;
            vec![config.agent.limit(&mut limits).err(), built.err()]
        }
        "model" => vec![config.model.credential().err(), config.model.proxy().await.err()],
        _ => Vec::new(),
    };
    errors.iter().flatten().map(crate::remedy::describe).collect()
}

#[tokio::test]
async fn no_error_shows_the_value_of_a_setting() {
    // spec: S10c
    // Each text can be a secret that was put into the wrong setting.
    let values = [
        "'hunter2'",
        "['hunter2']",
        "[{ hunter2 = 'hunter2' }]",
        "[{ model = 'hunter2', input = -1.0, output = 1e9 }]",
        "{ hunter2 = 'hunter2' }",
        "'http://admin:hunter2@192.0.2.1'",
        "'-hunter2'",
        "'hunter2/key'",
        "'hunter2\\nhunter2'",
        "1902712",
        "-1902712",
        "19027.125",
    ];
    let (mut tried, mut failed, mut shown) = (0, 0, Vec::new());
    for setting in SETTINGS {
        let name = format!("CCC_{}", setting.name.replace('.', "__").to_uppercase());
        for value in values {
            let bare = value.trim_matches('\'');
            let file = match setting.name.split_once('.') {
                Some((section, key)) => format!("[{section}]\n{key} = {value}\n"),
                None => format!("{} = {value}\n", setting.name),
            };
            let variable = |value| load("", &[(&name, value)]);
            for (n, loaded) in
                [load(&file, &[]), variable(bare), variable(value)].into_iter().enumerate()
            {
                let errors = match loaded {
                    // The effects of a value are the same wherever it was set.
                    Ok(_) if n > 1 => continue,
                    // A name of a directory is created, and a path is shown.
                    Ok(_) if matches!(setting.name, "data_dir" | "store.directory") => continue,
                    Ok(config) => errors(config, setting.name.split('.').next().unwrap()).await,
                    Err(error) => vec![error.to_string()],
                };
                tried += 1;
                failed += usize::from(!errors.is_empty());
                let is_shown = |error: &&String| {
                    ["hunter2", "1902712", "19027.125"].iter().any(|text| error.contains(text))
                };
                let found = errors.iter().filter(is_shown);
                shown.extend(found.map(|error| format!("{} = {value}: {error}", setting.name)));
            }
        }
    }
    assert_eq!(shown, Vec::<String>::new());
    assert!(tried > 1_500 && failed > 1_000, "{failed} of {tried} values caused an error");
}

#[test]
fn no_error_shows_a_name_or_a_line_that_is_no_setting() {
    // spec: S10c
    for file in [
        "hunter2 = 1",
        "hunter2 = 1\nhunter2 = 1",
        "hunter2",
        "x = hunter2",
        "[hunter2]\nx = 1",
        "[hunter2",
        "[server]\nhunter2 = 1",
        "[github]\nhunter2hunter2hunter2hunter2 = 1",
        "[github.hunter2]\nx = 1",
        "hunter2.hunter2.hunter2 = 1",
        "\"hunter2\" 'hunter2'",
        "listen = \"hunter2",
        "listen = hunter2hunter2",
        "listen = 1hunter2",
        "listen = \"\\hunter2\"",
        "sk-hunter2-\u{1}",
        "github = 'hunter2'",
        "github = ['hunter2']",
    ] {
        let error = load(file, &[]).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{file}: {error}");
        assert!(error.contains("line "), "{file}: {error}");
    }
}

#[test]
fn the_example_of_each_setting_is_valid() {
    for setting in SETTINGS.iter().filter(|setting| !ENV_ONLY.contains(&setting.name)) {
        let Some((_, example)) = setting.expected.split_once("such as ") else { continue };
        let name = format!("CCC_{}", setting.name.replace('.', "__").to_uppercase());
        load("", &[(&name, example)]).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
}

#[test]
fn a_listener_on_localhost_has_a_loopback_address() {
    for (value, expected) in
        [("localhost:80", "127.0.0.1:80"), ("[::1]:80", "[::1]:80"), ("0.0.0.0:80", "0.0.0.0:80")]
    {
        let config = load("", &[("CCC_LISTEN", value)]).unwrap();
        assert_eq!(config.listen.unwrap().to_string(), expected);
    }
}

#[test]
fn a_variable_that_is_no_absolute_path_sets_no_data_directory() {
    for (xdg, home, expected) in [
        (None, Some("/home/a"), Some("/home/a/.local/share/ccc")),
        (Some("/data"), Some("/home/a"), Some("/data/ccc")),
        (Some(""), Some("/home/a"), Some("/home/a/.local/share/ccc")),
        (Some("data"), Some("/home/a"), Some("/home/a/.local/share/ccc")),
        (Some("/data"), None, Some("/data/ccc")),
        (None, Some(""), None),
        (Some("."), Some("a"), None),
        (None, None, None),
    ] {
        let variable = |name: &str| if name == "HOME" { home } else { xdg }.map(Into::into);
        let found = super::default_data_dir(variable);
        assert_eq!(found.as_deref(), expected.map(std::path::Path::new), "{xdg:?} {home:?}");
    }
}

#[test]
fn secrets_come_from_the_environment_or_files() {
    let config = load("", &[("CCC_GITHUB__WEBHOOK_SECRET", "new\nold\n")]).unwrap();
    assert_eq!(config.github.webhook_secrets().unwrap().len(), 2);
    assert!(!format!("{config:?}").contains("new"));
    let marked = load("", &[("CCC_GITHUB__WEBHOOK_SECRET", "\u{feff}new\r\n\r\n")]).unwrap();
    let [secret] = &marked.github.webhook_secrets().unwrap()[..] else { panic!("no secret") };
    assert_eq!(secret.expose(), b"new");
    for quoted in ["\"new\"", "old\n'new'\n"] {
        let config = load("", &[("CCC_GITHUB__WEBHOOK_SECRET", quoted)]).unwrap();
        let error = config.github.webhook_secrets().unwrap_err().to_string();
        assert!(error.contains("remove the quotes") && !error.contains("new"), "{error}");
    }
    let missing = config.github.private_key().unwrap_err().to_string();
    assert!(missing.contains("CCC_GITHUB__PRIVATE_KEY_FILE"), "{missing}");
    let config = load("", &[("CCC_GITHUB__PRIVATE_KEY_FILE", "/nowhere")]).unwrap();
    let unreadable = config.github.private_key().unwrap_err().to_string();
    assert!(unreadable.contains("/nowhere"), "{unreadable}");
}

#[test]
fn each_unprotected_class_is_a_weakening() {
    // spec: X17d
    for (classes, expected) in [
        ("['ci', 'agents', 'editors', 'hooks', 'tools', 'ownership']", 0),
        ("['agents', 'editors', 'hooks', 'tools', 'ownership']", 0),
        ("['agents']", 4),
        ("[]", 5),
    ] {
        let config = load("", &[("CCC_POLICY__PROTECTED_CLASSES", classes)]).unwrap();
        let weakenings = config.policy.weakenings();
        assert_eq!(weakenings.len(), expected, "{classes}: {weakenings:?}");
        assert!(config.policy.protects(".github/ccc.toml"), "{classes}");
    }
    let error = load("[policy]\nprotected_classes = ['agent']", &[]).unwrap_err().to_string();
    assert!(error.contains("write a list of ci, agents, editors"), "{error}");
}

#[test]
fn trusted_proxies_are_networks() {
    // spec: W12d
    let config = load("[server]\ntrusted_proxies = ['10.0.0.0/8', '::1']", &[]).unwrap();
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.server.warning(), None);
    let variable = |value| load("", &[("CCC_SERVER__TRUSTED_PROXIES", value)]);
    let config = variable("['0.0.0.0/0']").unwrap();
    let warning = config.server.warning().unwrap();
    assert!(warning.contains("every client can choose"), "{warning}");
    let error = variable("['10.0.0.1/8']").unwrap_err().to_string();
    assert!(error.contains("write 10.0.0.0/8"), "{error}");
    let error = load("[server]\ntrusted_proxy = []", &[]).unwrap_err().to_string();
    assert!(error.contains("did you mean `server.trusted_proxies`?"), "{error}");
}
