//! `carillon doctor`: what of an installation is as it should be, what is not, and what to do about it.
//!
//! It works beside a running server, takes no lock and changes nothing, neither here nor on a PBX.

mod ami;
mod ari;
mod clock;
mod database;
mod disk;
mod finding;
mod mail;
mod pbx;
mod queues;
mod server;
mod trunk;
mod zone;

use crate::config::{Config, Origin, Source};
use crate::failure::Failure;
use finding::{Finding, State};

/// Runs every check. Exit code 1 when one of them failed.
pub(crate) async fn run(source: &Source, json: bool) -> Result<(), Failure> {
    let findings = match source.load() {
        Ok((config, origin)) => examine(&config, &origin).await,
        Err(failure) => vec![Finding::failed("config", &failure.message, &failure.remedy)],
    };
    finding::print(&findings, json);
    let failed = findings.iter().filter(|finding| finding.state == State::Failed).count();
    if failed == 0 {
        return Ok(());
    }
    let checks = if failed == 1 { "one check failed".into() } else { format!("{failed} checks failed") };
    Err(Failure::refused(checks).remedy("the remedies stand below the lines that begin with failed"))
}

/// The same checks, for who asks the running server.
pub(crate) fn for_the_api(config: Config, origin: Origin) -> api::checks::Checks {
    let known = std::sync::Arc::new((config, origin));
    api::checks::Checks::new(move || {
        let known = std::sync::Arc::clone(&known);
        Box::pin(async move { examine(&known.0, &known.1).await.into_iter().map(api::checks::Check::from).collect() })
    })
}

async fn examine(config: &Config, origin: &Origin) -> Vec<Finding> {
    let mut findings = vec![settings(origin)];
    findings.extend(server::listen(config).await);
    findings.push(server::log(config));
    findings.push(server::running(config).await);
    findings.extend(disk::examine(&config.data));
    findings.push(clock::synchronised());
    findings.extend(zone::examine(&config.zone));
    findings.push(mail::examine(config).await);
    database::examine(config, &mut findings).await;
    findings
}

fn settings(origin: &Origin) -> Finding {
    let file = origin.file.as_ref().map_or("no file, defaults".to_owned(), |file| file.display().to_string());
    if origin.warnings.is_empty() {
        return Finding::ok("config", format!("{file}; {} settings given", origin.given.len()));
    }
    Finding::warning("config", origin.warnings.join("; "), "correct or unset what is named")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_a_warning() {
        let mut origin = Origin::default();
        assert_eq!(settings(&origin).state, State::Ok);
        origin.warnings.push("CARILLON_LISEN is no setting and is ignored".into());
        assert_eq!(settings(&origin).state, State::Warning);
    }
}
