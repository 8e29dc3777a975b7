//! Pages of lists: which part is asked for, and the form of the answer.

use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer;
use crate::answer::Failure;
use crate::api::body::bad;
use crate::api::operation::{Kind, Param};
use crate::config::Config;
use crate::domain::query::Query;
use crate::extract::{header_text, names};

/// Media type by which a client says that it understands pages.
const MEDIA: &str = "application/jupyterhub-pagination+json";

/// The argument that says where a page begins.
pub const OFFSET: Param = Param { name: "offset", kind: Kind::Integer, meaning: "items before the page" };
/// The argument that says how long a page is.
pub const LIMIT: Param = Param { name: "limit", kind: Kind::Integer, meaning: "most items on the page" };

/// The part of a list that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Items before it, at least 0.
    pub offset: i64,
    /// Most items on it, at least 1.
    pub limit: i64,
    /// Whether the answer says which page it is.
    pub enveloped: bool,
    /// Address of the list, without query.
    address: String,
    query: Query,
}

impl Page {
    /// Reads `offset`, `limit` and the `Accept` header.
    ///
    /// # Errors
    /// 400 for what is not a number.
    pub fn of(request: &HttpRequest, config: &Config) -> Result<Self, Failure> {
        let query = Query::parse(request.query_string());
        let enveloped =
            header_text(request, &ACCEPT).split(',').any(|media| media.trim().eq_ignore_ascii_case(MEDIA));
        let most = config.api_page_max_limit.into();
        let usual = if enveloped { config.api_page_default_limit.into() } else { most };
        let offset = number(query.get("offset"), 0)?;
        let limit = number(query.get("limit"), usual)?.clamp(1, most);
        let address = format!(
            "{}://{}{}",
            header_text(request, &names::PROTO),
            header_text(request, &names::HOST),
            request.path()
        );
        Ok(Self { offset, limit, enveloped, address, query })
    }

    /// The same page of a list that always says which page it is.
    #[must_use]
    pub fn always_enveloped(mut self) -> Self {
        self.enveloped = true;
        self
    }

    /// The answer: items alone, or with the place of the page among `total`.
    #[must_use]
    pub fn answer(&self, items: &impl Serialize, total: i64) -> HttpResponse {
        if !self.enveloped {
            return answer::json(StatusCode::OK, items);
        }
        let model = json!({ "items": items, "_pagination": self.place(total) });
        answer::json(StatusCode::OK, &model)
    }

    fn place(&self, total: i64) -> Value {
        let (limit, next) = (self.limit, self.offset.saturating_add(self.limit));
        let next = (next < total).then(|| {
            let query = self.query.with(&[("offset", next), ("limit", limit)]);
            json!({ "offset": next, "limit": limit, "url": format!("{}?{query}", self.address) })
        });
        json!({ "offset": self.offset, "limit": limit, "total": total, "next": next })
    }
}

/// A number as JupyterHub reads it: its sign does not count.
fn number(text: Option<&str>, absent: i64) -> Result<i64, Failure> {
    let Some(text) = text else { return Ok(absent) };
    text.parse::<i64>()
        .map(i64::saturating_abs)
        .map_err(|_| bad("Invalid argument type, offset and limit must be integers"))
}
