//! Reads the settings: defaults, then the file, then the environment.

use super::keys::{Draft, KEYS, Key, MailDraft, Text};
use super::{Config, Log, Tls};
use crate::failure::Failure;
use crate::nearest;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The first of these that exists is read when none is named: that of the working directory, that of the package.
const DEFAULT_FILES: [&str; 2] = ["carillon.toml", "/etc/carillon/carillon.toml"];
/// Free space of the database's disk, MiB, below which nothing new is dialled, unless it is configured.
const DISK_FREE_MIN_MIB: u32 = 256;
/// A larger file is not a configuration, bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Variables of the command line (and of the test kit), which are no settings of the server.
const OTHER_VARIABLES: &[&str] = &[
    "CARILLON_CONFIG",
    "CARILLON_SERVER",
    "CARILLON_TOKEN",
    "CARILLON_TOKEN_FILE",
    "CARILLON_CA_FILE",
    "CARILLON_MANAGER_PASSWORD",
    "CARILLON_PBX_PASSWORD",
    "CARILLON_KEEP",
    "CARILLON_CACHE",
    "CARILLON_TEST_POSTGRES",
];

/// Where the command line says that settings are.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Source {
    /// Configuration file [default: ./carillon.toml, else /etc/carillon/carillon.toml]
    #[arg(long, global = true, env = "CARILLON_CONFIG", value_name = "FILE", help_heading = "Everywhere")]
    config: Option<PathBuf>,
    /// Data folder; wins over the configuration file
    #[arg(long, global = true, env = "CARILLON_DATA", value_name = "FOLDER", help_heading = "Everywhere")]
    data: Option<PathBuf>,
}

impl Source {
    /// The settings of file, environment and command line.
    pub(crate) fn load(&self) -> Result<(Config, Origin), Failure> {
        // A name or value that is no UTF-8 is none of ours.
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let environment = environment.filter_map(|(name, value)| Some((name, value.into_string().ok()?)));
        let data = self.data.iter().map(|data| ("CARILLON_DATA".to_owned(), data.to_string_lossy().into_owned()));
        load(self.config.as_deref(), environment.chain(data))
    }
}

/// Where the settings came from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Key and origin of everything that is not a default: the file's path or the variable's name.
    pub(crate) given: BTreeMap<&'static str, String>,
    /// One sentence each; nothing was refused because of them.
    pub(crate) warnings: Vec<String>,
}

/// Reads `file` (or the first default file that is there) and the variables in `environment`.
///
/// Refusals name the key and the file or the variable, in one line.
fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, Origin), Failure> {
    let mut draft = Draft::default();
    let mut origin = Origin::default();
    let found = file.or_else(|| DEFAULT_FILES.iter().map(Path::new).find(|path| path.exists()));
    if let Some(path) = found {
        read_file(path, &mut draft, &mut origin)?;
    }
    read_environment(environment, &mut draft, &mut origin)?;
    Ok((finish(draft, &origin)?, origin))
}

fn read_file(path: &Path, draft: &mut Draft, origin: &mut Origin) -> Result<(), Failure> {
    let shown = path.display();
    let too_large = std::fs::metadata(path).is_ok_and(|meta| meta.len() > MAX_FILE_BYTES);
    if too_large {
        return Err(Failure::config(format!("{shown}: larger than {MAX_FILE_BYTES} bytes"))
            .remedy("is this the right file? carillon config example shows how one looks"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::config(format!("{shown}: {error}")).remedy("write one with: carillon config example > carillon.toml")
    })?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        Failure::config(format!("{shown}: line {line}: {}", error.message()))
            .remedy("carillon config example shows how a file looks")
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for (name, value) in flatten(table) {
        let key = find(&name).ok_or_else(|| {
            let near = nearest::hint(&name, KEYS.iter().map(|key| key.name));
            Failure::config(format!("{shown}: unknown key {name:?}{near}"))
                .remedy("carillon config example lists every key")
        })?;
        let wrong = |problem: String| {
            Failure::config(format!("{shown}: {name}: {problem}"))
                .remedy("carillon config example shows every key with a right value")
        };
        let text = plain(&value).map_err(wrong)?;
        (key.set)(draft, &Text { text: &text, folder }).map_err(wrong)?;
        origin.given.insert(key.name, shown.to_string());
    }
    origin.file = Some(path.to_owned());
    Ok(())
}

fn read_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    draft: &mut Draft,
    origin: &mut Origin,
) -> Result<(), Failure> {
    let known: Vec<(String, &Key)> = KEYS.iter().map(|key| (variable(key.name), key)).collect();
    for (name, value) in environment {
        if !name.starts_with("CARILLON_") || OTHER_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        let Some((_, key)) = known.iter().find(|(variable, _)| *variable == name) else {
            let near = nearest::hint(&name, known.iter().map(|(variable, _)| variable.as_str()));
            origin.warnings.push(format!("{name} is no setting and is ignored{near}"));
            continue;
        };
        (key.set)(draft, &Text { text: value.trim(), folder: Path::new("") }).map_err(|problem| {
            Failure::config(format!("{name} (environment): {problem}")).remedy(format!("correct or unset {name}"))
        })?;
        origin.given.insert(key.name, name);
    }
    Ok(())
}

fn finish(draft: Draft, origin: &Origin) -> Result<Config, Failure> {
    let tls = match (draft.certificate, draft.key) {
        (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
        (None, None) => None,
        (certificate, _) => {
            let (given, missing) = match certificate {
                Some(_) => ("tls.certificate", "tls.key"),
                None => ("tls.key", "tls.certificate"),
            };
            let from = origin.given.get(given).map_or("", String::as_str);
            let message = format!("{from}: {given} is set, {missing} is not");
            return Err(Failure::config(message).remedy("set both, or none for plain HTTP on loopback"));
        }
    };
    let server = server(draft.server.as_deref(), draft.password_file.as_deref(), origin)?;
    let mail = mail(draft.mail, origin)?;
    let data = draft.data.unwrap_or_else(|| PathBuf::from("carillon-data"));
    let log_file =
        if draft.log.file.as_os_str().is_empty() { data.join("carillon.log") } else { draft.log.file.clone() };
    Ok(Config {
        listen: draft.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
        tls,
        trusted_proxies: draft.trusted_proxies,
        database: draft.database.unwrap_or_else(|| data.join("carillon.db")),
        server,
        key_file: draft.key_file.unwrap_or_else(|| data.join("key")),
        data,
        log: Log { file: log_file, ..draft.log },
        zone: draft.zone.unwrap_or_else(host_zone),
        country: draft.country,
        disk_free_min_mib: draft.disk_free_min_mib.unwrap_or(DISK_FREE_MIN_MIB),
        webhooks_allow: draft.webhooks_allow,
        retention: draft.retention,
        sessions: draft.sessions,
        wombat: draft.wombat,
        mail,
    })
}

/// The PostgreSQL database with its password.
fn server(url: Option<&str>, password: Option<&Path>, origin: &Origin) -> Result<Option<store::Server>, Failure> {
    let Some(url) = url else { return Ok(None) };
    let password = password.map(|path| read_password("database_password_file", path, origin)).transpose()?;
    let server = store::Server::parse(url, password);
    Ok(Some(server.map_err(|invalid| Failure::config(format!("database: {}", invalid.problem)))?))
}

/// The mail server with its password. What goes with it is refused without it: it would do nothing.
fn mail(draft: MailDraft, origin: &Origin) -> Result<Option<node::MailSettings>, Failure> {
    let wrong = |key: &str, problem: String| {
        let from = origin.given.get(key).map_or("", String::as_str);
        let colon = if from.is_empty() { "" } else { ": " };
        let remedy = "carillon config example shows the section [mail]";
        Failure::config(format!("{from}{colon}{key}: {problem}")).remedy(remedy)
    };
    let MailDraft { host, port, security, user, password_file, from, to } = draft;
    if host.is_empty() {
        let alone = ["mail.user", "mail.password_file", "mail.from", "mail.to"];
        return match alone.iter().find(|key| origin.given.contains_key(**key)) {
            Some(key) => Err(wrong(key, "is set, mail.server is not".to_owned())),
            None => Ok(None),
        };
    }
    let password = password_file.map(|path| read_password("mail.password_file", &path, origin)).transpose()?;
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => return Err(wrong("mail.user", "is set, mail.password_file is not".to_owned())),
        (None, Some(_)) => return Err(wrong("mail.password_file", "is set, mail.user is not".to_owned())),
    };
    let from = from.ok_or_else(|| wrong("mail.server", "is set, mail.from is not".to_owned()))?;
    let settings = node::MailSettings { host, port, security, login, from, to };
    let checked = settings.check().map_err(|invalid| wrong(&format!("mail.{}", invalid.field), invalid.problem));
    checked.map(|()| Some(settings))
}

fn read_password(key: &'static str, path: &Path, origin: &Origin) -> Result<String, Failure> {
    let wrong = |problem: String| {
        let from = origin.given.get(key).map_or("", String::as_str);
        Failure::config(format!("{from}: {key}: {}: {problem}", path.display()))
            .remedy("write the password into it, one line, and make it readable by its owner only: chmod 600")
    };
    let mode = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(wrong("everybody can read it".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.contains('\n') {
        return Err(wrong("must hold one line".to_owned()));
    }
    Ok(password.to_owned())
}

/// The host's zone, or UTC when the host does not tell one by name.
fn host_zone() -> String {
    let zone = jiff::tz::TimeZone::system();
    zone.iana_name().filter(|name| domain::time::is_zone(name)).unwrap_or("UTC").to_owned()
}

fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// `log.level` is `CARILLON_LOG_LEVEL`.
fn variable(key: &str) -> String {
    format!("CARILLON_{}", key.replace('.', "_").to_uppercase())
}

/// `[log] level = "info"` becomes `log.level`. Sections nest one deep; a deeper one is an unknown key.
fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(section) if !KEYS.iter().any(|key| key.name == name) => {
                if section.is_empty() && !KEYS.iter().any(|key| key.name.starts_with(&format!("{name}."))) {
                    flat.push((name, Value::Table(section)));
                    continue;
                }
                flat.extend(section.into_iter().map(|(inner, value)| (format!("{name}.{inner}"), value)));
            }
            value => flat.push((name, value)),
        }
    }
    flat
}

/// The text of a string, of a whole number, or of a list of strings.
fn plain(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().ok_or("must be a list of texts in quotes".to_owned()));
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        other => Err(format!("is a {}, must be a text in quotes", other.type_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    fn read(text: &str) -> Result<(Config, Origin), Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carillon.toml");
        std::fs::write(&path, text).unwrap();
        load(Some(&path), [])
    }

    fn refusal(text: &str) -> String {
        let failure = read(text).unwrap_err();
        assert_eq!(failure.exit, 2, "{text}");
        assert!(failure.message.contains("carillon.toml: "), "{}", failure.message);
        failure.message.split_once("carillon.toml: ").unwrap().1.to_owned()
    }

    #[test]
    fn the_example_parses_to_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carillon.toml");
        std::fs::write(&path, example()).unwrap();
        let (config, _) = load(Some(&path), []).unwrap();
        // A relative path of the file starts at the file's folder, a default one at the working directory.
        let expected =
            finish(Draft { data: Some(folder.path().join("carillon-data")), ..Draft::default() }, &Origin::default());
        assert_eq!(config, expected.unwrap());
    }

    #[test]
    fn every_line_of_the_example_is_accepted_when_uncommented() {
        let uncommented: Vec<String> = example()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.contains(" = ") => setting.to_owned(),
                _ => line.to_owned(),
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "s3cret\n").unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        let text = uncommented.join("\n").replace("/etc/carillon/mail-password", password.to_str().unwrap());
        let (config, origin) = read(&text).unwrap();
        assert_eq!(origin.given.len(), KEYS.len());
        assert_eq!(config.zone, "Europe/Madrid");
        assert!(!format!("{config:?}").contains("s3cret"));
        assert_eq!(config.tls.unwrap().key, Path::new("/etc/carillon/server.key"));
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest_known_one() {
        assert_eq!(refusal("lisen = \"127.0.0.1:1\""), "unknown key \"lisen\" (did you mean \"listen\"?)");
        assert_eq!(refusal("[log]\nlevle = \"info\""), "unknown key \"log.levle\" (did you mean \"log.level\"?)");
        assert_eq!(refusal("[pbx]"), "unknown key \"pbx\"");
        assert_eq!(refusal("[a.b]\nc = 1"), "unknown key \"a.b\"");
    }

    #[test]
    fn wrong_values_are_refused_by_key() {
        for (text, starts) in [
            ("listen = \"8080\"", "listen: \"8080\" is no address"),
            ("listen = 8080", "listen: \"8080\" is no address"),
            ("listen = true", "listen: is a boolean"),
            ("[log]\ntarget = \"syslog\"", "log.target: \"syslog\" is none of"),
            ("[log]\nfiles = 1", "log.files: \"1\" is no whole number from 2 to 100"),
            ("[log]\nfile_size_mb = 0.5", "log.file_size_mb: is a float"),
            ("zone = \"Mars/Olympus\"", "zone: "),
            ("country = \"Spain\"", "country: "),
            ("disk_free_min_mib = \"much\"", "disk_free_min_mib: "),
            ("[mail]\nserver = \"a:b\"", "mail.server: \"a:b\" ends in no port"),
            ("[mail]\nto = [\"a@b.c\"]", "mail.to: is set, mail.server is not"),
            (
                "[mail]\nserver = \"a\"\nfrom = \"b@c.d\"\nuser = \"u\"\nto = [\"a@b.c\"]",
                "mail.user: is set, mail.pass",
            ),
            ("[retention]\nattempts_days = 30", "retention.attempts_days: must be 0 (kept for ever) or 90 to"),
            ("[retention]\nevents_days = -1", "retention.events_days: \"-1\" is no whole number"),
            ("trusted_proxies = [\"proxy\"]", "trusted_proxies: \"proxy\" is no address"),
            ("trusted_proxies = [1]", "trusted_proxies: must be a list"),
            ("[log]\nlevel = \"inof\"", "log.level: \"inof\" is no log level"),
            ("[log]\nformat = \"xml\"", "log.format: "),
            ("[tls]\nkey = \"k.pem\"", "tls.key is set, tls.certificate is not"),
            ("listen = \"", "line 1: "),
            ("\n\nlisten", "line 3: "),
        ] {
            let message = refusal(text);
            assert!(message.starts_with(starts), "{text} gives {message}");
        }
    }

    #[test]
    fn a_database_may_be_a_server_and_its_password_is_in_a_file_of_ours_only() {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "s3cret\n").unwrap();
        let text = |url: &str| format!("database = {url:?}\ndatabase_password_file = {password:?}\n");
        let url = "postgresql://carillon@db.example.com/carillon?sslmode=verify-full";
        assert!(refusal(&text(url)).contains("everybody can read it"));
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o640)).unwrap();
        let (config, _) = read(&text(url)).unwrap();
        assert_eq!(config.database_name(), url);
        assert!(!format!("{config:?}").contains("s3cret"));
        let refused = refusal(&text("postgresql://carillon:s3cret@db.example.com/carillon"));
        assert!(refused.contains("database_password_file") && !refused.contains("s3cret"), "{refused}");
        assert!(refusal(&text("mysql://db.example.com/carillon")).contains("must begin with postgresql://"));
        std::fs::remove_file(&password).unwrap();
        assert!(refusal(&text(url)).contains("database_password_file: "));
    }

    #[test]
    fn the_environment_wins_and_its_slips_are_named() {
        let variables = [("CARILLON_LISTEN", "127.0.0.1:9"), ("CARILLON_LOG_LEVE", "debug"), ("CARILLON_TOKEN", "x")];
        let (config, origin) = load(None, variables.map(|(name, value)| (name.into(), value.into()))).unwrap();
        assert_eq!(config.listen.port(), 9);
        assert_eq!(origin.given["listen"], "CARILLON_LISTEN");
        let warning = "CARILLON_LOG_LEVE is no setting and is ignored (did you mean \"CARILLON_LOG_LEVEL\"?)";
        assert_eq!(origin.warnings, [warning]);
        let failure = load(None, [("CARILLON_ZONE".to_owned(), "nowhere".to_owned())]).unwrap_err();
        assert!(failure.message.starts_with("CARILLON_ZONE (environment): "), "{failure}");
        assert_eq!(failure.exit, 2);
    }

    #[test]
    fn a_file_that_is_named_must_exist() {
        assert_eq!(load(Some(Path::new("/nonexistent/c.toml")), []).unwrap_err().exit, 2);
    }
}
