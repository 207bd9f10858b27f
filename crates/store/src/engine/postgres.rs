//! What only PostgreSQL needs: the address, the connections' settings.

use super::Pool;
use crate::attempts::attempt_rows;
use crate::error::{Error, Result};
use domain::Invalid;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

/// Connections that only read.
const READERS: u32 = 4;
/// Longest wait for a connection, in seconds: a server that is away is an error after this.
const CONNECT_SECONDS: u64 = 5;
/// Prepared statements kept per connection; the crate has fewer.
const CACHED_STATEMENTS: usize = 256;
/// Connections that write. One transaction writes at a time, which the row of the fence sees to; the others are there for
/// when one is lost in a network that says nothing, and is not given back before the system gives it up.
const WRITERS: u32 = 3;
/// Longest statement, by the server's clock: the deletion of a large list and a report over everything are the longest.
const STATEMENT_TIMEOUT: &str = "30s";
/// The same by ours, for a server that does not answer at all.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(35);
/// Longest statement of the connection that keeps the lease.
const KEEP_TIMEOUT: &str = "2s";
/// Longest wait for a lock. The only other session that writes is the one that keeps the lease.
const LOCK_TIMEOUT: &str = "5s";
/// A session that does nothing in the middle of a transaction this long is ended by the server: a frozen process must
/// not keep its locks.
const IDLE_TIMEOUT: &str = "4s";

statements! {
    /// Many keys of a registry with commas between them.
    pub(crate) ADD_REGISTRY_KEYS = "INSERT INTO registry_key (tenant_id, list_id, version, number_key) \
        SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST(k.key AS BIGINT) \
        FROM unnest(string_to_array($4, ',')) AS k (key)";
    /// Contacts by their ids with commas between them.
    pub(crate) CONTACTS_OF = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, \
        c.e164, c.number_key, c.alternates, c.attributes FROM contact c JOIN list l ON l.id = c.list_id WHERE c.tenant_id = $1 \
        AND c.id IN (SELECT CAST(k.id AS BIGINT) FROM unnest(string_to_array($2, ',')) AS k (id)) ORDER BY c.id";
    /// Output attributes of contacts by their ids with commas between them, the oldest attempt first.
    pub(crate) OUTPUTS_OF = "SELECT a.contact_id, a.outputs FROM attempt a WHERE a.tenant_id = $1 AND a.outputs <> '[]' \
        AND a.contact_id IN (SELECT CAST(k.id AS BIGINT) FROM unnest(string_to_array($2, ',')) AS k (id)) \
        AND ($3 LIKE '%,' || a.campaign_id || ',%' OR $3 IS NULL) ORDER BY a.id";
    /// Attempts by their ids with commas between them.
    pub(crate) ATTEMPTS_OF = attempt_rows!("a.id IN (SELECT CAST(k.id AS BIGINT) FROM \
        unnest(string_to_array($2, ',')) AS k (id)) ORDER BY a.id");
    pub(crate) VERSION = "SELECT CURRENT_SETTING('server_version')";
    pub(crate) BYTES = "SELECT pg_database_size(CURRENT_DATABASE())";
    /// 0: nothing was migrated yet.
    pub(crate) IS_MIGRATED = "SELECT COUNT(*) FROM pg_tables \
        WHERE schemaname = CURRENT_SCHEMA AND tablename = '_sqlx_migrations'";
}

/// A PostgreSQL database. Its `Debug` and `Display` show no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    url: String,
    password: Option<String>,
}

impl Server {
    /// `postgresql://user@host:port/database?sslmode=verify-full&sslrootcert=/path.pem`, without a password;
    /// `host=/folder` in the query names a socket's folder. Refused, by field `database`: another scheme, a password,
    /// a parameter that is unknown.
    pub fn parse(url: &str, password: Option<String>) -> std::result::Result<Self, Invalid> {
        let wrong = |why: &str| Invalid::new("database", why.to_owned());
        if !Self::is_url(url) {
            return Err(wrong("must begin with postgresql://"));
        }
        let authority = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        if user.contains(':') || url.contains("password=") {
            return Err(wrong("must not hold the password: it belongs into database_password_file"));
        }
        // Its words may repeat the address, which holds no secret.
        PgConnectOptions::from_str(url).map_err(|error| wrong(&format!("is no address of a database: {error}")))?;
        Ok(Self { url: url.to_owned(), password })
    }

    /// Whether a text means a server and not a file.
    pub fn is_url(text: &str) -> bool {
        text.starts_with("postgresql://") || text.starts_with("postgres://")
    }

    /// The address, which holds no password.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn options(&self) -> Result<PgConnectOptions> {
        let options = PgConnectOptions::from_str(&self.url)?;
        let options = match &self.password {
            Some(password) => options.password(password),
            None => options,
        };
        Ok(options
            .application_name("carillon")
            .statement_cache_capacity(CACHED_STATEMENTS)
            .options([
                ("lock_timeout", LOCK_TIMEOUT),
                ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
                // Not that a table exists already, which the migrator asks for at every start.
                ("client_min_messages", "warning"),
                // What a commit acknowledged survives a crash of the server, whatever its own default is.
                ("synchronous_commit", "on"),
            ])
            .disable_statement_logging())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.url).finish()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Those that write, and those that read.
pub(crate) async fn open(server: &Server) -> Result<(Pool, Pool)> {
    let options = server.options()?;
    let options = options.options([("statement_timeout", STATEMENT_TIMEOUT)]);
    let writer = pool(WRITERS).connect_with(options.clone()).await;
    let writer = writer.map_err(|error| Error::unreachable(server, &error))?;
    let readers = pool(READERS).connect_lazy_with(options.options([("default_transaction_read_only", "on")]));
    check_server(&writer, server).await?;
    Ok((Pool::Postgres(writer), Pool::Postgres(readers)))
}

/// The connections that keep the lease: a long write must not hold it up.
pub(crate) fn keeper(server: &Server) -> Result<Pool> {
    let options = server.options()?.options([("statement_timeout", KEEP_TIMEOUT), ("lock_timeout", KEEP_TIMEOUT)]);
    Ok(Pool::Postgres(pool(WRITERS).connect_lazy_with(options)))
}

/// Connections that cannot write; no lease is touched.
pub(crate) async fn open_to_read(server: &Server) -> Result<Pool> {
    let reading = [("statement_timeout", STATEMENT_TIMEOUT), ("default_transaction_read_only", "on")];
    let opened = pool(1).connect_with(server.options()?.options(reading)).await;
    Ok(Pool::Postgres(opened.map_err(|error| Error::unreachable(server, &error))?))
}

/// An error instead of an answer that does not come.
pub(crate) async fn in_time<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(STATEMENT_DEADLINE, work).await.unwrap_or_else(|_| {
        let why = format!("the server did not answer in {} s", STATEMENT_DEADLINE.as_secs());
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why)))
    })
}

/// Rows for `COPY ... FROM STDIN`, in PostgreSQL's text format.
#[derive(Default)]
pub(crate) struct CopyRows {
    text: String,
    rows: u64,
    inside: bool,
}

impl CopyRows {
    /// The next column of the row; `None` is NULL.
    pub(crate) fn column(&mut self, value: Option<&str>) {
        if std::mem::replace(&mut self.inside, true) {
            self.text.push('\t');
        }
        let Some(value) = value else { return self.text.push_str("\\N") };
        for c in value.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '\t' => self.text.push_str("\\t"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                // What the engine cannot store.
                '\0' => self.text.push(char::REPLACEMENT_CHARACTER),
                other => self.text.push(other),
            }
        }
    }

    /// The same for a number.
    pub(crate) fn int(&mut self, value: i64) {
        self.column(Some(&value.to_string()));
    }

    /// Ends the row.
    pub(crate) fn end_row(&mut self) {
        self.text.push('\n');
        self.rows += 1;
        self.inside = false;
    }

    /// Sends them in the connection's transaction. `statement` is one of ours, without values.
    pub(crate) async fn send(self, statement: &'static str, connection: &mut PgConnection) -> sqlx::Result<()> {
        let written = in_time(async {
            let mut copy = connection.copy_in_raw(statement).await?;
            copy.send(self.text.as_bytes()).await?;
            copy.finish().await
        });
        let written = written.await?;
        match written == self.rows {
            true => Ok(()),
            false => Err(sqlx::Error::Protocol(format!("{written} of {} rows were copied", self.rows))),
        }
    }
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(CONNECT_SECONDS))
}

/// The oldest version that is tested.
const OLDEST: i64 = 130_000;

async fn check_server(writer: &PgPool, server: &Server) -> Result<()> {
    let unusable = |why: String| Error::Unusable { path: server.url().into(), why };
    let version: String = sqlx::query_scalar("SHOW server_version_num").fetch_one(writer).await?;
    if version.parse::<i64>().is_ok_and(|version| version < OLDEST) {
        return Err(unusable(format!("PostgreSQL {version} is too old: 13 or later is needed")));
    }
    let encoding: String = sqlx::query_scalar("SHOW server_encoding").fetch_one(writer).await?;
    if encoding != "UTF8" {
        return Err(unusable(format!("encoding is {encoding}, not UTF8: names would be lost")));
    }
    let fsync: String = sqlx::query_scalar("SHOW fsync").fetch_one(writer).await?;
    if fsync != "on" {
        tracing::warn!("the database server runs with fsync off: a loss of power loses calls");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_values_cannot_end_their_column_or_row() {
        let mut rows = CopyRows::default();
        rows.column(Some("a\tb\nc\\N\r\0"));
        rows.column(None);
        rows.int(-7);
        rows.end_row();
        rows.column(Some("\\."));
        rows.end_row();
        assert_eq!(rows.text, "a\\tb\\nc\\\\N\\r\u{fffd}\t\\N\t-7\n\\\\.\n");
    }

    /// A role's password and the server's certificate are both asked for on the way over a network.
    #[tokio::test]
    async fn over_a_network_it_is_tls_with_a_known_certificate_and_a_password() {
        let ports = testkit::PortBlock::lease().unwrap();
        let cluster = testkit::postgres::Postgres::start_with_tls(ports.spare[0]).unwrap();
        let socket = format!("postgresql://carillon@localhost:{}/postgres?host=", ports.spare[0]);
        let local = Server::parse(&format!("{socket}{}", cluster.socket().display()), None).unwrap();
        let (admin, _) = open(&local).await.unwrap();
        crate::engine::query("ALTER ROLE carillon PASSWORD 's3cret'").execute(&admin).await.unwrap();
        let url = |host: &str, rest: &str| format!("postgresql://carillon@{host}:{}/postgres?{rest}", ports.spare[0]);
        let verified = format!("sslmode=verify-full&sslrootcert={}", cluster.certificate().display());
        let open = async |url: String, password: &str| {
            open(&Server::parse(&url, Some(password.to_owned())).unwrap()).await.map_err(|error| error.to_string())
        };
        let (writer, _) = open(url("localhost", &verified), "s3cret").await.unwrap();
        let tls = "SELECT COUNT(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()";
        let is_tls: i64 = crate::engine::query(tls).fetch_scalar(&writer).await.unwrap();
        assert_eq!(is_tls, 1);
        let refused = open(url("localhost", &verified), "wr0ng").await.unwrap_err();
        assert!(refused.contains("password authentication failed") && !refused.contains("wr0ng"), "{refused}");
        let refused = open(url("127.0.0.1", &verified), "s3cret").await.unwrap_err();
        assert!(refused.to_lowercase().contains("certificate"), "a certificate of another name: {refused}");
        let refused = open(url("localhost", "sslmode=verify-full"), "s3cret").await.unwrap_err();
        assert!(refused.to_lowercase().contains("certificate"), "a certificate of nobody we know: {refused}");
    }

    #[test]
    fn an_address_holds_no_password_and_shows_none() {
        for url in ["postgresql://ana:pw@host/db", "postgresql://host/db?user=ana&password=pw"] {
            let refused = Server::parse(url, None).unwrap_err().to_string();
            assert!(refused.contains("database_password_file") && !refused.contains("pw"), "{refused}");
        }
        assert!(Server::parse("/var/lib/carillon.db", None).is_err());
        let server = Server::parse("postgresql://ana@host/db", Some("s3cret".into())).unwrap();
        assert!(!format!("{server} {server:?}").contains("s3cret"));
        assert!(!format!("{:?}", Error::unreachable(&server, &sqlx::Error::PoolTimedOut)).contains("s3cret"));
    }
}
