//! What happens to the engine itself, to the links to its PBXs and to who is logged on there.

use super::events::{Event, Events, masked};
use super::{Journal, Written};
use crate::db::Store;
use crate::engine::query;
use crate::error::Result;
use crate::installation::Epoch;
use crate::scope::Scope;
use crate::sql::Columns;
use domain::{PbxId, Timestamp};
use serde_json::json;

/// Something of the engine's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// It is being stopped.
    Stopped,
    /// A PBX can be dialled on.
    PbxConnected {
        /// Which.
        pbx: PbxId,
        /// Asterisk's version.
        version: String,
    },
    /// A PBX cannot be dialled on any more.
    PbxLost {
        /// Which.
        pbx: PbxId,
        /// Why, for people.
        why: String,
    },
    /// A member came to an observed queue, or left it.
    Agent {
        /// On which PBX.
        pbx: PbxId,
        /// The queue's name.
        queue: String,
        /// The member's telephone, as Asterisk names it.
        agent: String,
        /// It came.
        is_on: bool,
    },
}

statements! {
    HOW_IT_ENDED = "SELECT kind FROM event WHERE tenant_id = $1 AND entity = 'engine' AND entity_id = $1 \
        ORDER BY entity_seq DESC LIMIT 1";
    LAST_SIGN = "SELECT at FROM event WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1";
}

impl Journal<'_> {
    pub(super) async fn life(&mut self, life: Life, at: Timestamp) -> Result<Written> {
        let tenant = self.scope.tenant;
        let of_pbx = |pbx: PbxId, kind, data| Event::new(tenant, ("pbx", pbx.0), kind, at, "", data);
        let event = match life {
            Life::Stopped => Event::new(tenant, ("engine", tenant.0), "engine.stopped", at, "", json!({})),
            Life::PbxConnected { pbx, version } => of_pbx(pbx, "pbx.connected", json!({ "version": version })),
            Life::PbxLost { pbx, why } => of_pbx(pbx, "pbx.lost", json!({ "why": masked(&why) })),
            Life::Agent { pbx, queue, agent, is_on } => {
                let kind = if is_on { "agent.logged_on" } else { "agent.logged_off" };
                of_pbx(pbx, kind, json!({ "queue": masked(&queue), "agent": masked(&agent) }))
            }
        };
        self.event(event).await?;
        Ok(Written::Done)
    }
}

impl Store {
    /// Notes that Carillon started, and that it had ended without being stopped when that is so.
    pub async fn note_start(&self, scope: &Scope, epoch: &Epoch, version: &str, at: Timestamp) -> Result<()> {
        let mut transaction = self.begin().await?;
        let (tenant, of) = (scope.tenant, ("engine", scope.tenant.0));
        let ended = query(HOW_IT_ENDED).bind(tenant.0).fetch_optional(&mut transaction).await?;
        if let Some(ended) = ended
            && ended.text("kind")? != "engine.stopped"
        {
            let seen = query(LAST_SIGN).bind(tenant.0).fetch_optional(&mut transaction).await?;
            let seen_at = seen.map(|row| row.at("at")).transpose()?;
            let event = Event::new(tenant, of, "engine.lost", at, "", json!({ "seen_at": seen_at }));
            Events::one(event, &mut transaction).await?;
        }
        let data = json!({ "epoch": epoch.epoch, "version": version });
        Events::one(Event::new(tenant, of, "engine.started", at, "", data), &mut transaction).await?;
        Ok(transaction.commit().await?)
    }
}
