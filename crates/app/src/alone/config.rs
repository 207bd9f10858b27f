//! `carillon config`: the server's settings.

use crate::config::{Config, LogFormat, Origin, Source, example};
use crate::failure::Failure;
use crate::output::{note, say, table};
use clap::Subcommand;
use serde_json::{Map, Value, json};

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Read the settings and show what is in force, and from where
    Check,
    /// Print a carillon.toml with every setting explained
    Example,
}

/// Does it.
pub(crate) fn run(verb: &Verb, source: &Source, json: bool) -> Result<(), Failure> {
    match verb {
        Verb::Example => say(example().trim_end()),
        Verb::Check => {
            let (config, origin) = source.load()?;
            super::listen::check(&config)?;
            origin.warnings.iter().for_each(|warning| note(format!("warning: {warning}")));
            say(if json { as_json(&config, &origin) } else { as_table(&config, &origin) });
        }
    }
    Ok(())
}

/// Key and value of every setting in force.
fn rows(config: &Config) -> Vec<(&'static str, Value)> {
    let format = match config.log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    let proxies: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    vec![
        ("listen", json!(config.listen.to_string())),
        ("trusted_proxies", json!(proxies)),
        ("data", json!(config.data)),
        ("database", json!(config.database_name())),
        ("key_file", json!(config.key_file)),
        ("zone", json!(config.zone)),
        ("country", json!(config.country)),
        ("disk_free_min_mib", json!(config.disk_free_min_mib)),
        ("webhooks.allow", json!(config.webhooks_allow.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("wombat.context", json!(config.wombat.contexts)),
        ("wombat.users", json!(if config.wombat.basic_users { "basic" } else { "none" })),
        ("wombat.allow", json!(config.wombat.allow.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("log.target", json!(config.log.target.name())),
        ("log.file", json!(config.log.file)),
        ("log.file_size_mb", json!(config.log.file_size_mb)),
        ("log.files", json!(config.log.files)),
        ("log.format", json!(format)),
        ("log.level", json!(config.log.level)),
        ("tls.certificate", json!(config.tls.as_ref().map(|tls| &tls.certificate))),
        ("tls.key", json!(config.tls.as_ref().map(|tls| &tls.key))),
    ]
}

fn as_json(config: &Config, origin: &Origin) -> String {
    let settings: Map<String, Value> = rows(config).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    json!({ "file": origin.file, "settings": settings, "from": origin.given, "warnings": origin.warnings }).to_string()
}

fn as_table(config: &Config, origin: &Origin) -> String {
    let mut table = table(&["setting", "value", "from"]);
    for (key, value) in rows(config) {
        let from = origin.given.get(key).map_or("default", String::as_str);
        table.add_row([key.to_owned(), crate::output::show(&value), from.to_owned()]);
    }
    format!("{table}\nthe settings are right")
}
