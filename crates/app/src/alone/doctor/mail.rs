//! The mail server: whether it is reached, with TLS and login as they are set. No letter is sent.

use super::finding::Finding;
use crate::config::Config;
use node::{MailError, MailSettings, Mailer};

const CHECK: &str = "mail";

/// Whether letters could leave.
pub(super) async fn examine(config: &Config) -> Finding {
    let Some(settings) = &config.mail else {
        return Finding::ok(CHECK, "no mail server is configured: nobody is written to");
    };
    match Mailer::new(settings) {
        Ok(mailer) => judge(settings, mailer.reach().await),
        Err(invalid) => Finding::failed(CHECK, invalid.to_string(), "correct [mail] in carillon.toml"),
    }
}

fn judge(settings: &MailSettings, reached: Result<(), MailError>) -> Finding {
    let host = &settings.host;
    match (reached, &settings.login) {
        (Ok(()), Some((user, _))) => Finding::ok(CHECK, format!("{host} lets {user} in")),
        (Ok(()), None) => Finding::ok(CHECK, format!("{host} answers")),
        (Err(error), _) if error.is_final => Finding::failed(
            CHECK,
            format!("{host} refuses: {error}"),
            "compare mail.user and mail.password_file with the account of the mail server",
        ),
        (Err(error), _) => Finding::failed(
            CHECK,
            format!("{host} is not reached: {error}"),
            "compare mail.server, mail.security and the mail server's certificate; letters wait and are tried again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;
    use node::MailSecurity;
    use testkit::MailServer;

    fn settings(port: u16, security: MailSecurity) -> MailSettings {
        let from = "carillon@example.com".to_owned();
        MailSettings { host: "127.0.0.1".into(), port, security, login: None, from, to: vec![] }
    }

    async fn of(settings: &MailSettings) -> Finding {
        judge(settings, Mailer::new(settings).unwrap().reach().await)
    }

    #[tokio::test]
    async fn a_mail_server_that_is_away_or_without_tls_is_told_apart_from_one_that_answers() {
        let server = MailServer::start().unwrap();
        let fine = of(&settings(server.port, MailSecurity::None)).await;
        assert_eq!((fine.state, fine.found.as_str()), (State::Ok, "127.0.0.1 answers"));
        let plain = of(&settings(server.port, MailSecurity::StartTls)).await;
        assert_eq!(plain.state, State::Failed, "{plain:?}");
        assert!(server.letters().is_empty());
        server.refuse(true);
        let busy = of(&settings(server.port, MailSecurity::None)).await;
        assert!(busy.state == State::Failed && busy.found.contains("is not reached"), "{busy:?}");
        let nobody = of(&settings(1, MailSecurity::None)).await;
        assert!(nobody.state == State::Failed && nobody.remedy.contains("mail.server"), "{nobody:?}");
        let login = Some(("ana".to_owned(), "secret".to_owned()));
        server.refuse(false);
        let no_login = of(&MailSettings { login, ..settings(server.port, MailSecurity::None) }).await;
        assert!(no_login.state == State::Failed && !format!("{no_login:?}").contains("secret"), "{no_login:?}");
    }
}
