//! Keys of entities, as the nouns that have them show and take them.

use crate::App;
use crate::auth::Caller;
use crate::error::ApiError;
use axum::http::StatusCode;
use store::{Kind, Lock, Scope};

/// What a request says about the lock of an entity.
#[derive(Debug, Clone, Default)]
pub(crate) struct LockInput {
    /// Its key; without it a changed entity keeps the one it has.
    pub(crate) security_key: Option<String>,
    /// Left out of choices; without it a changed entity stays as it is.
    pub(crate) hidden: Option<bool>,
}

impl LockInput {
    /// The lock of what is made.
    pub(crate) fn made_by(self, caller: &Caller) -> Lock {
        let Self { security_key, hidden } = self;
        Lock {
            security_key: security_key.unwrap_or_default(),
            hidden: hidden.unwrap_or_default(),
            created_by: caller.scope.actor.user,
        }
    }

    /// The lock of what is changed.
    pub(crate) async fn over(self, app: &App, scope: &Scope, kind: Kind, id: i64) -> Result<Lock, ApiError> {
        let had = app.store.lock(scope, kind, id).await?;
        Ok(Lock {
            security_key: self.security_key.unwrap_or(had.security_key),
            hidden: self.hidden.unwrap_or(had.hidden),
            created_by: had.created_by,
        })
    }
}

/// An answer that shows the lock of what it is about.
pub(crate) trait Shown: Sized {
    /// What it is about.
    const KIND: Kind;

    /// Its id.
    fn id(&self) -> i64;

    /// The same with its lock.
    fn with(self, lock: Lock) -> Self;

    /// The same with the lock that it has now.
    async fn locked(self, app: &App, scope: &Scope) -> Result<Self, ApiError> {
        let lock = app.store.lock(scope, Self::KIND, self.id()).await?;
        Ok(self.with(lock))
    }

    /// All of them with their locks.
    async fn all_locked(
        app: &App,
        scope: &Scope,
        all: impl IntoIterator<Item = impl Into<Self>>,
    ) -> Result<Vec<Self>, ApiError> {
        let mut locks = app.store.locks(scope, Self::KIND).await?;
        let mut lock = |one: Self| {
            let lock = locks.remove(&one.id()).unwrap_or_default();
            one.with(lock)
        };
        Ok(all.into_iter().map(|one| lock(one.into())).collect())
    }
}

macro_rules! shown {
    ($name:ty, $kind:ident $(, $hidden:ident)?) => {
        impl crate::locks::Shown for $name {
            const KIND: store::Kind = store::Kind::$kind;

            fn id(&self) -> i64 {
                self.id
            }

            fn with(self, lock: store::Lock) -> Self {
                Self {
                    security_key: lock.security_key,
                    $($hidden: lock.$hidden,)?
                    created_by: lock.created_by,
                    ..self
                }
            }
        }
    };
}
pub(crate) use shown;

impl Caller {
    /// Refuses who does not see everything: what is asked for has no part that could be shown.
    pub(crate) fn sees_everything(&self) -> Result<(), ApiError> {
        if self.scope.sees_all() {
            return Ok(());
        }
        Err(ApiError::new(StatusCode::FORBIDDEN, "all_keys_needed", "this needs the right to see everything")
            .remedy("ask somebody whose class has all keys, or use a token made without keys"))
    }
}
