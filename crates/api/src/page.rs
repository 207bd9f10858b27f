//! Lists come in pages: `?after=<id>&limit=<n>` in, `{"items":[...],"next":<id or null>}` out.

use crate::error::ApiError;
use domain::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Items of a page when `limit` is not given.
pub const DEFAULT_LIMIT: u32 = 100;
/// Items of a page, at most.
pub const MAX_LIMIT: u32 = 1_000;

/// One page, in the order of ids; runs, and attempts when that is asked for: newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The things themselves.
    pub items: Vec<T>,
    /// Give this as `after` to get the next page; `null`: this was the last one.
    pub next: Option<i64>,
}

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Only things with an id greater than this.
    pub after: Option<i64>,
    /// Items per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

/// Which page of things that have names.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct NamedQuery {
    /// Only the thing of exactly this name.
    pub name: Option<String>,
    /// Only things with an id greater than this.
    pub after: Option<i64>,
    /// Items per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

/// The checked number of items per page.
pub fn limit(asked: Option<u32>) -> Result<u32, ApiError> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        limit => Err(Invalid::new("limit", format!("{limit} is outside 1..={MAX_LIMIT}")).into()),
    }
}

impl<T> Page<T> {
    /// A page from what was read with `limit`: a full page may have a successor.
    pub fn read(items: Vec<T>, limit: u32, id: impl Fn(&T) -> i64) -> Self {
        let next = if items.len() >= limit as usize { items.last().map(id) } else { None };
        Self { items, next }
    }

    /// A page cut from everything there is. For configuration, which is small.
    pub fn cut(
        mut all: Vec<T>,
        query: &NamedQuery,
        id: impl Fn(&T) -> i64,
        name: impl Fn(&T) -> &str,
    ) -> Result<Self, ApiError> {
        let limit = limit(query.limit)?;
        let after = query.after.unwrap_or(0);
        all.retain(|item| id(item) > after && query.name.as_deref().is_none_or(|wanted| name(item) == wanted));
        all.sort_by_key(&id);
        let more = all.len() > limit as usize;
        all.truncate(limit as usize);
        let next = if more { all.last().map(id) } else { None };
        Ok(Self { items: all, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(after: i64, limit: u32) -> (Vec<i64>, Option<i64>) {
        let query = NamedQuery { name: None, after: Some(after), limit: Some(limit) };
        let page = Page::cut(vec![3, 1, 2, 5], &query, |id| *id, |_| "").unwrap();
        (page.items, page.next)
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        assert_eq!(ids(0, 2), (vec![1, 2], Some(2)));
        assert_eq!(ids(2, 2), (vec![3, 5], None));
        assert_eq!(ids(5, 2), (vec![], None));
    }

    #[test]
    fn a_page_has_a_largest_size() {
        assert_eq!(limit(None).unwrap(), 100);
        assert_eq!(limit(Some(0)).unwrap_err().status(), 422);
        assert_eq!(limit(Some(1_001)).unwrap_err().status(), 422);
    }
}
