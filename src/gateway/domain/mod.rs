//! Rules without I/O and without a clock: what comes in as values goes out as verdicts.

pub mod activity;
pub mod cookie;
pub mod decision;
pub mod entity;
pub mod explain;
pub mod exposition;
pub mod form;
pub mod guess;
pub mod next;
pub mod oauth;
pub mod options;
pub mod path;
pub mod query;
pub mod request;
pub mod request_log;
pub mod scope;
pub mod time;
pub mod timestamp;
pub mod xsrf;
