//! `/api/lists/{id}/export`: a list as a file that can be imported again, here or elsewhere.

use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use crate::export::{Cells, native_text};
use crate::extract::{Id, Query};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::contact::check_meaning;
use domain::spreadsheet::guarded;
use domain::{Attributes, Contact, ContactId, Invalid, ListId};
use futures_util::{Stream, stream};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use store::{Scope, Store};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Contacts read at a time.
const PAGE: u32 = 1_000;
/// Columns of a file, at most.
const MAX_COLUMNS: usize = 500;
/// The label of the column with the number, as imports know it.
const NUMBER: &str = "NUM";

/// How the file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// A line of labels, then a line per contact.
    #[default]
    Csv,
    /// WombatDialer's: `number,NAME:value,NAME:value`.
    Native,
}

/// Which attributes a contact is written with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportAttributes {
    /// Its own.
    #[default]
    Input,
    /// And the output attributes of its calls: the last value of each. Over one of its own of the same name.
    All,
}

/// What is exported.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `csv` (default) or `native`.
    #[param(value_type = Option<String>)]
    format: ExportFormat,
    /// `input` (default) or `all`.
    #[param(value_type = Option<String>)]
    attributes: ExportAttributes,
    /// Of CSV: `spreadsheet` (default) puts a `'` in front of what would begin a formula, also a number with `+`, which an
    /// import takes off numbers again; `raw` writes every text as it is, and an import of the file makes the same list.
    #[param(value_type = Option<String>)]
    cells: Option<String>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export_list))
}

/// A list as a file. People who were forgotten are not in it.
#[utoipa::path(get, path = "/api/lists/{id}/export", tag = "lists", params(("id" = i64, Path), ExportQuery),
    security(("token" = ["read"])),
    responses((status = 200, description = "a line per contact", body = String, content_type = "text/csv"),
        (status = 422, description = "WombatDialer's format cannot hold a value of it")))]
async fn export_list(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let cells = Cells::parse(query.cells.as_deref())?;
    app.store.list(&caller.scope, ListId(id)).await?;
    let mut reader = Reader {
        store: app.store,
        scope: caller.scope,
        list: ListId(id),
        attributes: query.attributes,
        after: ContactId(0),
    };
    let (content_type, file) = match query.format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "list.csv"),
        ExportFormat::Native => ("text/plain; charset=utf-8", "list.txt"),
    };
    // The list is read twice: a file that has begun cannot be refused any more.
    let labels: Arc<[String]> = look_through(&mut reader, query.format).await?.into();
    reader.after = ContactId(0);
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")),
    ];
    let body = match query.format {
        ExportFormat::Csv => Body::from_stream(csv_lines(reader, labels, cells)),
        ExportFormat::Native => Body::from_stream(native_lines(reader)),
    };
    Ok((headers, body).into_response())
}

/// Reads a list page by page.
struct Reader {
    store: Store,
    scope: Scope,
    list: ListId,
    attributes: ExportAttributes,
    after: ContactId,
}

impl Reader {
    /// The next contacts with the attributes that are asked for; `None` behind the last. A page may have nobody.
    async fn next(&mut self) -> Result<Option<Vec<(Contact, Attributes)>>, store::Error> {
        let mut page = self.store.contacts(&self.scope, self.list, self.after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = last.id;
        page.retain(|contact| !contact.number.dialled.is_empty());
        let ids: Vec<ContactId> = page.iter().map(|contact| contact.id).collect();
        let outputs = match self.attributes {
            ExportAttributes::Input => Default::default(),
            ExportAttributes::All => self.store.outputs_of(&self.scope, &ids).await?,
        };
        let written = |contact: Contact| {
            let attributes = with_told(&contact.attributes, outputs.get(&contact.id));
            (contact, attributes)
        };
        Ok(Some(page.into_iter().map(written).collect()))
    }
}

/// A contact's own attributes with what its calls told.
pub(crate) fn with_told(own: &Attributes, told: Option<&Attributes>) -> Attributes {
    let mut all = own.clone();
    for (name, value) in told.into_iter().flat_map(Attributes::iter) {
        // More than a contact may have, or what means something and does not say it: its own stay.
        let mut with = all.clone();
        if with.set(name, value).is_ok() && check_meaning(&with).is_ok() {
            all = with;
        }
    }
    all
}

/// Every attribute's name that has a value somewhere, in the order in which they come. Refused: more than a file may have columns, and what
/// WombatDialer's format cannot hold.
async fn look_through(reader: &mut Reader, format: ExportFormat) -> Result<Vec<String>, ApiError> {
    let mut labels: Vec<String> = Vec::new();
    while let Some(page) = reader.next().await? {
        for (contact, attributes) in &page {
            for (name, value) in attributes.iter() {
                if format == ExportFormat::Native && value.contains([',', '|', '\n', '\r']) {
                    let problem =
                        format!("cannot hold {name} of contact {}, which has a , or a |: export it as csv", contact.id);
                    return Err(Invalid::new("format", problem).into());
                }
                // An empty cell is no attribute to who reads the file.
                if !value.is_empty() && !labels.iter().any(|label| label == name) {
                    labels.push(name.to_owned());
                }
            }
        }
        if labels.len() > MAX_COLUMNS {
            let problem = format!("the list has more than {MAX_COLUMNS} different attributes: export it as native");
            if format == ExportFormat::Csv {
                return Err(Invalid::new("format", problem).into());
            }
        }
    }
    Ok(labels)
}

fn csv_lines(
    reader: Reader,
    labels: Arc<[String]>,
    cells: Cells,
) -> impl Stream<Item = Result<Bytes, store::Error>> + Send + 'static {
    let text = move |text: &str| match cells {
        Cells::Spreadsheet => guarded(text).into_owned(),
        Cells::Raw => text.to_owned(),
    };
    stream::try_unfold((reader, true), move |(mut reader, first)| {
        let labels = Arc::clone(&labels);
        async move {
            let mut lines = csv::Writer::from_writer(Vec::new());
            let mut write = |texts: Vec<Cow<'_, str>>| {
                let written = lines.write_record(texts.iter().map(|cell| text(cell)));
                written.expect("memory takes every line, and all have the same length");
            };
            if first {
                write(std::iter::once(NUMBER).chain(labels.iter().map(String::as_str)).map(Cow::from).collect());
            } else {
                let Some(page) = reader.next().await? else { return Ok(None) };
                for (contact, attributes) in &page {
                    let values = labels.iter().map(|label| attributes.get(label).unwrap_or_default());
                    write(std::iter::once(contact.number.as_given.as_str()).chain(values).map(Cow::from).collect());
                }
            }
            let file = lines.into_inner().expect("memory takes every line");
            Ok(Some((Bytes::from(file), (reader, false))))
        }
    })
}

fn native_lines(reader: Reader) -> impl Stream<Item = Result<Bytes, store::Error>> + Send + 'static {
    stream::try_unfold(reader, |mut reader| async move {
        let Some(page) = reader.next().await? else { return Ok(None) };
        let mut text = String::new();
        for (contact, attributes) in &page {
            text.push_str(&contact.number.as_given);
            if attributes.iter().next().is_some() {
                text.push(',');
                text.push_str(&native_text(attributes));
            }
            text.push('\n');
        }
        Ok(Some((Bytes::from(text), reader)))
    })
}

#[cfg(test)]
mod tests {
    use crate::imports::tests::finished;
    use crate::testing::Server;
    use domain::AttemptId;
    use serde_json::{Value, json};
    use store::import::parse_native;

    async fn contacts(server: &Server, list: i64) -> Vec<(Value, Value, Value)> {
        let page = server.get(&format!("/api/lists/{list}/contacts?limit=1000")).await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        items.into_iter().map(|c| (c["number"].clone(), c["as_given"].clone(), c["attributes"].clone())).collect()
    }

    #[tokio::test]
    async fn a_list_that_is_exported_and_imported_is_the_same() {
        let server = Server::start().await;
        let made = server.post("/api/lists", json!({"name": "out"})).await.expect(201)["id"].as_i64().unwrap();
        let people = json!([
            {"number": "+39 06 6982-0001", "attributes": {"NAME": "=1+1", "CITY": "Rome"}},
            {"number": "0669820002"},
            {"number": "0669820003", "attributes": {"NOTE": "x:y z"}},
        ]);
        server.post(&format!("/api/lists/{made}/contacts"), json!({"contacts": people})).await.expect(200);
        let export = async |query: &str| server.get(&format!("/api/lists/{made}/export?{query}")).await;
        let csv = export("cells=raw").await.text();
        assert_eq!(csv.lines().next(), Some("NUM,CITY,NAME,NOTE"));
        assert!(export("").await.text().contains("'+39 06 6982-0001,Rome,'=1+1"), "safe to open in a spreadsheet");
        let native = export("format=native").await.text();
        assert_eq!(native.lines().last(), Some("0669820003,NOTE:x:y z"));
        let read = |text: &str| -> Vec<Value> {
            let all = text.lines().map(|line| parse_native(line, None).unwrap());
            all.map(|c| json!({"number": c.number.as_given, "attributes": c.attributes.iter().collect::<std::collections::BTreeMap<_, _>>()})).collect()
        };
        let again = server.post("/api/lists", json!({"name": "in"})).await.expect(201)["id"].as_i64().unwrap();
        server.post(&format!("/api/lists/{again}/contacts"), json!({"contacts": read(&native)})).await.expect(200);
        assert_eq!(contacts(&server, again).await, contacts(&server, made).await);

        let comma = json!({"contacts": [{"number": "0669820004", "attributes": {"NAME": "Byron, Ada"}}]});
        server.post(&format!("/api/lists/{made}/contacts"), comma).await.expect(200);
        let refused = export("format=native").await;
        assert!(refused.text().contains("NAME of contact"), "{}", refused.text());
        assert_eq!(refused.refused(422).1, "format");
        assert!(export("cells=raw").await.text().contains("\"Byron, Ada\""));
        server.get("/api/lists/77/export").await.refused(404);
        assert_eq!(export("cells=bold").await.refused(422).1, "cells");
    }

    /// Texts that would break a file, or a spreadsheet, or be taken for something else.
    const HOSTILE: [&str; 16] = [
        "=1+1",
        "+390669820009",
        "-2",
        "@SUM(A1)",
        "\t=x",
        "a,b;c|d:e",
        "two\nlines",
        "two\r\nlines",
        "\"quoted\"",
        "'apostrophe",
        "blanks  inside",
        "\u{202e}desrever",
        "<script>alert(1)</script>",
        "Zoë 日本 👩‍👧",
        "NUM",
        "x'y''z",
    ];

    #[tokio::test]
    async fn a_file_that_is_imported_and_exported_again_is_the_same_byte_for_byte() {
        let server = Server::start().await;
        let list = async |name: &str| {
            server.post("/api/lists", json!({"name": name})).await.expect(201)["id"].as_i64().unwrap()
        };
        let made = list("out").await;
        let mut people: Vec<Value> = (0..).zip(HOSTILE).map(|(n, text)| {
            json!({"number": format!("06698200{n:02}"), "attributes": {"NAME": text, format!("A{n}"): text, "EMPTY": ""}})
        }).collect();
        people.push(
            json!({"number": "+39 06 6982-0100", "attributes": {"MULTINUM1": "+390669820101", "MULTINUM2": "at home"}}),
        );
        people.push(json!({"number": "*21#", "attributes": {"MULTINUM3": "(06) 6982.0102", "ZONE": "Europe/Rome"}}));
        people.push(json!({"number": "0669820103"}));
        people.push(json!({"number": "0669820103", "attributes": {"NAME": "twice"}}));
        server.post(&format!("/api/lists/{made}/contacts"), json!({"contacts": people})).await.expect(200);
        for cells in ["raw", "spreadsheet"] {
            let export = async |list: i64| server.get(&format!("/api/lists/{list}/export?cells={cells}")).await.text();
            let file = export(made).await;
            let again = list(cells).await;
            let job =
                server.upload(&format!("/api/lists/{again}/imports?file_name=out.csv"), file.clone()).await.expect(202);
            let done = finished(&server, &job["id"]).await;
            assert_eq!((&done["state"], &done["accepted"]), (&json!("done"), &json!(people.len())), "{done}");
            assert_eq!(export(again).await, file, "{cells}");
            if cells == "raw" {
                let without_empty = |all: Vec<(Value, Value, Value)>| -> Vec<(Value, Value, Value)> {
                    all.into_iter()
                        .map(|(number, given, mut attributes)| {
                            attributes.as_object_mut().unwrap().retain(|_, value| value != "");
                            (number, given, attributes)
                        })
                        .collect()
                };
                assert_eq!(contacts(&server, again).await, without_empty(contacts(&server, made).await));
            }
        }
    }

    #[tokio::test]
    async fn what_calls_told_goes_with_the_contact_when_it_is_asked_for() {
        let server = Server::start().await;
        let journal = server.journal().await;
        let change = domain::journal::OutputChange::Set { name: "APPT".into(), value: "monday".into() };
        let at = domain::Timestamp(1_774_747_900_000_000);
        let told = store::Write::Output { attempt: AttemptId(1), change, at, pbx_at: None, actor: String::new() };
        let written = server.app.store.commit(&store::Scope::installation(), vec![told]).await.unwrap();
        assert!(written[0].is_done(), "{written:?}");
        let own = server.get(&format!("/api/lists/{}/export?format=native", journal.list)).await.text();
        let all = server.get(&format!("/api/lists/{}/export?format=native&attributes=all", journal.list)).await.text();
        assert_eq!(own.lines().count(), all.lines().count());
        assert!(!own.contains("APPT") && all.contains("+390669820001,APPT:monday"), "{all}");
        let body = json!({"name": "told", "attempts": {"run": journal.run}, "output_attributes": true});
        let made = server.post("/api/lists/from-attempts", body).await.expect(201);
        let list = made["list"]["id"].as_i64().unwrap();
        assert_eq!(contacts(&server, list).await[0].2, json!({"APPT": "monday"}));
    }
}
