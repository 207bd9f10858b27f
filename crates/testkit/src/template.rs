//! The configuration of our two Asterisks, embedded, with `@KEY@` place-holders.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../templates/", $folder, "/", $name)))),*]
    };
}

const COMMON: &[(&str, &str)] = files!("common": "asterisk.conf", "cdr.conf", "indications.conf", "logger.conf",
    "modules.conf", "musiconhold.conf", "rtp.conf", "stasis.conf");
const PBX: &[(&str, &str)] = files!("pbx": "ari.conf", "cookbook.conf", "extensions.conf", "http.conf", "manager.conf", "pjsip.conf",
    "queues.conf");
const CARRIER: &[(&str, &str)] = files!("carrier": "extensions.conf", "http.conf", "manager.conf", "pjsip.conf");

/// Files that may be empty, but whose absence makes a module complain or refuse to load.
const EMPTY: &[&str] = &[
    "acl",
    "aeap",
    "amd",
    "ari",
    "ccss",
    "cel",
    "chan_websocket",
    "cli_aliases",
    "confbridge",
    "features",
    "pjproject",
    "pjsip_notify",
    "queues",
    "res_fax",
    "res_http_media_cache",
    "res_parking",
    "udptl",
    "websocket_client",
];

/// Which of the two Asterisks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// Our PBX: ARI, manager, the trunks `carrier`, `sipp` and `dead`, and the end points in context
    /// `carillon-demo`: `message`, `hold`, `music`, `bye`, `status`, `dtmf`, `attributes`.
    Pbx,
    /// The carrier simulator: the number dialled says what happens, see the head of its `extensions.conf`.
    Carrier,
}

impl Template {
    /// `pbx` or `carrier`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pbx => "pbx",
            Self::Carrier => "carrier",
        }
    }

    /// Writes all files into `etc`. Every place-holder must have a value.
    pub(crate) fn render(self, etc: &Path, values: &BTreeMap<String, String>) -> Result<()> {
        let own = match self {
            Self::Pbx => PBX,
            Self::Carrier => CARRIER,
        };
        for name in EMPTY {
            fs::write(etc.join(format!("{name}.conf")), "")?;
        }
        for (name, text) in COMMON.iter().chain(own) {
            let text = fill(text, values).with_context(|| format!("template {}/{name}", self.name()))?;
            fs::write(etc.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        Ok(())
    }
}

/// Replaces each `@KEY@` (capitals, digits and `_`). Any other `@` stays.
fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        out.push_str(before);
        let key_len = after.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        match key_len {
            Some(len) if len > 0 && after[len..].starts_with('@') => {
                let key = &after[..len];
                let Some(value) = values.get(key) else { bail!("no value for @{key}@") };
                out.push_str(value);
                rest = &after[len + 1..];
            }
            _ => {
                out.push('@');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_holders_are_filled_other_at_signs_stay_and_a_missing_value_is_named() {
        let values = BTreeMap::from([("PORT".to_owned(), "5060".to_owned())]);
        assert_eq!(fill("a@b @PORT@ PJSIP/1@carrier @", &values).unwrap(), "a@b 5060 PJSIP/1@carrier @");
        assert_eq!(fill("x @PORT_2@", &values).unwrap_err().to_string(), "no value for @PORT_2@");
    }

    #[test]
    fn the_carriers_head_comment_lists_every_behaviour_of_its_dialplan() {
        let (_, text) = CARRIER.iter().find(|(name, _)| *name == "extensions.conf").unwrap();
        let (head, plan) = text.split_once("[general]").unwrap();
        let defined: Vec<&str> = plan
            .lines()
            .filter_map(|line| line.strip_prefix("exten => ")?.split_once(",1,").map(|(name, _)| name))
            .filter(|name| name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_digit()))
            .collect();
        assert_eq!(defined.len(), 29);
        for name in defined {
            assert!(head.contains(&format!(" {name}  ")), "{name} is not described");
        }
    }
}
