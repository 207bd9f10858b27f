//! Alerts by e-mail.

use super::episodes::Trouble;
use domain::{Invalid, Timestamp};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A letter that is not delivered by then was not.
const DEADLINE: Duration = Duration::from_secs(30);

/// How a connection to the mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MailSecurity {
    /// Plain at first, then TLS; refused without.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None: for a server on this machine.
    None,
}

/// Where letters go and how. Its `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// Name or address of the mail server.
    pub host: String,
    /// Its port; 0: the usual one.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// Name and password, where it asks for them.
    pub login: Option<(String, String)>,
    /// The sender, e.g. `Carillon <carillon@example.com>`.
    pub from: String,
    /// Who gets alerts; nobody when it is empty.
    pub to: Vec<String>,
}

impl MailSettings {
    /// Refuses an address that is none, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        Mailer::addresses(self).map(drop)
    }
}

impl fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailSettings({}:{})", self.host, self.port)
    }
}

/// Why a letter was not delivered.
#[derive(Debug, Clone, Error)]
#[error("{why}")]
pub struct MailError {
    why: String,
    /// The mail server will say the same tomorrow: it knows no such receiver, or no such letter is written.
    pub is_final: bool,
}

impl MailError {
    pub(super) fn broke_off(error: &dyn std::error::Error) -> Self {
        Self::for_now(error.to_string())
    }

    fn for_now(why: String) -> Self {
        Self { why, is_final: false }
    }

    fn for_good(why: String) -> Self {
        Self { why, is_final: true }
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    subject: String,
    body: String,
}

impl Letter {
    /// With this subject, on one line, and this text.
    pub fn new(subject: &str, body: String) -> Self {
        let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        Self { subject: subject.trim().to_owned(), body }
    }

    /// Of an episode that began, is over, or both since the last letter.
    pub(super) fn of(trouble: &Trouble, raised_at: Timestamp, ended_at: Option<Timestamp>) -> Self {
        let about = if trouble.name.is_empty() { String::new() } else { format!(" {}", trouble.name) };
        let kind = trouble.kind.code().replace('_', " ");
        let (word, end) = match ended_at {
            None => ("alert", "It goes on; another letter says when it is over.".to_owned()),
            Some(ended_at) => {
                let lasted_s = ended_at.ms_since(raised_at).max(0) / 1_000;
                ("over", format!("It is over since {ended_at}, after {lasted_s} s."))
            }
        };
        Self {
            subject: format!("[Carillon] {word}: {kind}{about}"),
            body: format!("{}\n\nSince {raised_at}.\n{end}\n", trouble.why),
        }
    }

    /// To see whether letters arrive.
    pub fn test() -> Self {
        let body = "Somebody asked Carillon to send this letter, to see whether its letters arrive. They do.\n";
        Self { subject: "[Carillon] a test letter".to_owned(), body: body.to_owned() }
    }
}

/// Sends letters.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Arc<[Mailbox]>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailer")
    }
}

impl Mailer {
    /// Refuses an address that is none, by field.
    pub fn new(settings: &MailSettings) -> Result<Self, Invalid> {
        let (from, to) = Self::addresses(settings)?;
        let tls = || {
            TlsParameters::new(settings.host.clone())
                .map_err(|error| Invalid::new("host", format!("no TLS with {:?}: {error}", settings.host)))
        };
        let (tls, usual) = match settings.security {
            MailSecurity::StartTls => (Tls::Required(tls()?), 587),
            MailSecurity::Tls => (Tls::Wrapper(tls()?), 465),
            MailSecurity::None => (Tls::None, 25),
        };
        let port = if settings.port == 0 { usual } else { settings.port };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(port)
            .tls(tls)
            .timeout(Some(DEADLINE));
        if let Some((name, password)) = &settings.login {
            builder = builder.credentials(Credentials::new(name.clone(), password.clone()));
        }
        Ok(Self { transport: builder.build(), from, to: to.into() })
    }

    fn addresses(settings: &MailSettings) -> Result<(Mailbox, Vec<Mailbox>), Invalid> {
        let address = |field: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|error| Invalid::new(field, format!("{text:?} is no address: {error}")))
        };
        let to = settings.to.iter().map(|text| address("to", text)).collect::<Result<Vec<_>, _>>()?;
        Ok((address("from", &settings.from)?, to))
    }

    /// Whether anybody gets alerts.
    pub(crate) fn tells_alerts(&self) -> bool {
        !self.to.is_empty()
    }

    /// To everybody who gets alerts. Returns when the server has taken it, half a minute at most.
    pub async fn send(&self, letter: Letter) -> Result<(), MailError> {
        self.post(&self.to, letter, None).await
    }

    /// Refuses what is no address of mail, under this field.
    pub fn check_receiver(field: &str, text: &str) -> Result<(), Invalid> {
        let wrong = |error| Invalid::new(field, format!("{text:?} is no address of mail: {error}"));
        text.parse::<Mailbox>().map(drop).map_err(wrong)
    }

    /// Reaches the mail server, with TLS and login as they are set, and sends nothing. Half a minute at most.
    pub async fn reach(&self) -> Result<(), MailError> {
        match tokio::time::timeout(DEADLINE, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(MailError::for_now("the mail server hangs up".to_owned())),
            Ok(Err(error)) => Err(MailError { is_final: error.is_permanent(), why: error.to_string() }),
            Err(_) => Err(MailError::for_now(format!("the mail server did not answer within {DEADLINE:?}"))),
        }
    }

    /// To these receivers. The id is the same at every try, so that mail servers can know a letter that they have.
    pub async fn send_to(&self, receivers: &[String], letter: Letter, id: &str) -> Result<(), MailError> {
        let parse = |text: &String| {
            text.parse::<Mailbox>().map_err(|error| MailError::for_good(format!("a receiver is no address: {error}")))
        };
        let to = receivers.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err(MailError::for_good("no receiver is named".to_owned()));
        }
        self.post(&to, letter, Some(format!("<{id}@{}>", self.from.email.domain()))).await
    }

    async fn post(&self, to: &[Mailbox], letter: Letter, id: Option<String>) -> Result<(), MailError> {
        let mut message = Message::builder().from(self.from.clone()).subject(letter.subject);
        for to in to {
            message = message.to(to.clone());
        }
        if id.is_some() {
            message = message.message_id(id);
        }
        let message = message.header(ContentType::TEXT_PLAIN).body(letter.body);
        let message = message.map_err(|error| MailError::for_good(error.to_string()))?;
        match tokio::time::timeout(DEADLINE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(MailError { is_final: error.is_permanent(), why: error.to_string() }),
            Err(_) => Err(MailError::for_now(format!("the mail server did not answer within {DEADLINE:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::episodes::AlertKind;
    use super::*;

    #[test]
    fn a_letter_says_what_since_when_and_whether_it_is_over() {
        let trouble =
            Trouble { kind: AlertKind::PbxLost, subject: 1, name: "office".into(), why: "PBX office is silent".into() };
        let since = Timestamp(0);
        let began = Letter::of(&trouble, since, None);
        assert_eq!(began.subject, "[Carillon] alert: pbx lost office");
        assert!(began.body.starts_with("PBX office is silent\n\nSince 1970-01-01T00:00:00Z.\nIt goes on"));
        let over = Letter::of(&trouble, since, Some(since.plus_seconds(90)));
        assert_eq!(over.subject, "[Carillon] over: pbx lost office");
        assert!(over.body.contains("after 90 s"), "{}", over.body);
    }

    #[tokio::test]
    async fn addresses_that_are_none_are_refused_by_field() {
        let settings = MailSettings {
            host: "127.0.0.1".into(),
            port: 1,
            security: MailSecurity::None,
            login: None,
            from: "Carillon <carillon@example.com>".into(),
            to: vec!["ops@example.com".into()],
        };
        assert!(Mailer::new(&settings).is_ok());
        let field = |settings: MailSettings| Mailer::new(&settings).unwrap_err().field;
        let nobody = Mailer::new(&MailSettings { to: vec![], ..settings.clone() }).unwrap();
        assert!(!nobody.tells_alerts());
        assert_eq!(field(MailSettings { to: vec!["nobody".into()], ..settings.clone() }), "to");
        assert_eq!(field(MailSettings { from: "x\r\nBcc: y@z".into(), ..settings.clone() }), "from");
        let error = Mailer::new(&settings).unwrap().send(Letter::test()).await.unwrap_err();
        assert!(!error.to_string().is_empty(), "nobody listens there");
    }
}
