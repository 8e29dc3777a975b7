//! Forms for limits and exams, which stand on the pages of a user and of a group. Rights are those of the API.

use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::ServerId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::{self, Failure, Frame};
use crate::api::body::bad;
use crate::api::exam::{self, Wanted};
use crate::api::limits::{Whose, replace};
use crate::config::ProfileSpec;
use crate::domain::entity::GroupName;
use crate::domain::exam::Exam;
use crate::domain::form::Form;
use crate::domain::limits::{self, LimitError, Limits};
use crate::domain::query::Query;
use crate::domain::scope::Base;
use crate::domain::time;
use crate::extract::{Caller, Posted, Proof};
use crate::pages::card::in_force;
use crate::state::Hub;
use crate::words::Message;

/// How long an exam lasts unless somebody says otherwise.
const USUAL_MINUTES: i64 = 120;
/// Name of the query that says what has just been saved.
const SAVED: &str = "saved";

/// What `limits_form.html` shows.
#[derive(Debug)]
pub struct LimitsForm {
    /// Whether they are a group's.
    pub group: bool,
    /// The name as it stands in an address.
    pub path: String,
    /// As it is typed; empty for none.
    pub memory: String,
    /// The same.
    pub memory_guarantee: String,
    /// Cores.
    pub cpu: String,
    /// 1 to 10000.
    pub cpu_weight: String,
    /// Processes and threads.
    pub tasks: String,
    /// 1 to 10000.
    pub io_weight: String,
    /// Like `memory`.
    pub disk: String,
    /// Key of each thing that is limited, and the limit with who states it; empty for a group.
    pub in_force: Vec<(&'static str, Message)>,
}

impl LimitsForm {
    /// The form for somebody, filled in with what is set.
    #[must_use]
    pub fn of(hub: &Hub, frame: &Frame, whose: &Whose) -> Self {
        fn text<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
            value.map(show).unwrap_or_default()
        }
        let directory = hub.directory();
        let (group, name, own) = match whose {
            Whose::User(user) => (false, user.as_str(), directory.limits_of_user(user)),
            Whose::Group(group) => (true, group.as_str(), directory.limits_of_group(group)),
        };
        Self {
            group,
            path: encoded(name),
            memory: text(own.memory, limits::show_memory),
            memory_guarantee: text(own.memory_guarantee, limits::show_memory),
            cpu: text(own.cpu_percent, limits::show_cores),
            cpu_weight: text(own.cpu_weight, |weight| weight.to_string()),
            tasks: text(own.tasks, |tasks| tasks.to_string()),
            io_weight: text(own.io_weight, |weight| weight.to_string()),
            disk: text(own.disk, limits::show_memory),
            in_force: match whose {
                Whose::User(user) => in_force(hub, frame, &ServerId::default_of(user.clone())),
                Whose::Group(_) => Vec::new(),
            },
        }
    }
}

/// What `exam_form.html` shows.
#[derive(Debug)]
pub struct ExamForm {
    /// The group's name as it stands in an address.
    pub path: String,
    /// Whether there is an exam now.
    pub under_way: bool,
    /// How many minutes it goes on, 1 to 10080: of a clock that is nobody's time zone.
    pub minutes: i64,
    /// The same for people.
    pub until_shown: String,
    /// Name, title and whether it is the exam's, of each profile that the site has; without any there is no choice.
    pub profiles: Vec<(String, String, bool)>,
    /// Whether servers reach no network.
    pub offline: bool,
    /// Whether servers have no terminals.
    pub no_terminals: bool,
}

impl ExamForm {
    /// The form for a group, filled in with the exam that is under way; otherwise with the strictest.
    #[must_use]
    pub fn of(hub: &Hub, group: &GroupName) -> Self {
        let directory = hub.directory();
        let now_s = hub.clock.now_s();
        let exam: Option<&Exam> = directory.exams().get(group).filter(|exam| exam.holds(now_s));
        let until_us = exam.map(|exam| exam.until_s.saturating_mul(1_000_000));
        Self {
            path: encoded(group.as_str()),
            under_way: exam.is_some(),
            minutes: exam
                .map_or(USUAL_MINUTES, |exam| exam.until_s.saturating_sub(now_s).div_euclid(60).max(1)),
            until_shown: until_us.map(time::minute).unwrap_or_default(),
            profiles: hub.config.profiles.0.iter().map(|profile| offer(profile, exam)).collect(),
            offline: exam.is_none_or(|exam| exam.offline),
            no_terminals: exam.is_none_or(|exam| exam.no_terminals),
        }
    }
}

fn offer(profile: &ProfileSpec, exam: Option<&Exam>) -> (String, String, bool) {
    let chosen = exam.is_some_and(|exam| exam.profile == profile.name);
    (profile.name.clone(), profile.title.clone(), chosen)
}

/// `POST /hub/admin/limits/user/NAME`.
pub async fn user(_: Proof, posted: Posted, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let whose = Whose::user(&caller, Base::AdminUsers, &name).await.map_err(told)?;
    let limits = read(&posted.form).map_err(told)?;
    replace(&caller, &whose, limits).await.map_err(told)?;
    Ok(answer::redirect(&posted.hub.url(&format!("/hub/admin/user/{}?{SAVED}=limits", encoded(&name)))))
}

/// `POST /hub/admin/limits/group/NAME`.
pub async fn group(_: Proof, posted: Posted, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let whose = Whose::group(&caller, Base::AdminGroups, &name).await.map_err(told)?;
    let limits = read(&posted.form).map_err(told)?;
    replace(&caller, &whose, limits).await.map_err(told)?;
    Ok(answer::redirect(&group_page(&posted.hub, &name, "limits")))
}

/// `POST /hub/admin/exam/NAME`: the field `act` says whether it begins or ends.
pub async fn exam(_: Proof, posted: Posted, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let group = exam::group(&caller, Base::AdminGroups, &name).await.map_err(told)?;
    if posted.form.get("act") == Some("end") {
        exam::end(&caller, &group).await.map_err(told)?;
    } else {
        let wanted = wanted(&posted.form, posted.hub.clock.now_s()).map_err(told)?;
        exam::begin(&caller, &group, wanted).await.map_err(told)?;
    }
    Ok(answer::redirect(&group_page(&posted.hub, group.as_str(), "exam")))
}

/// The page of a group, which says what has just been saved.
fn group_page(hub: &Hub, name: &str, what: &str) -> String {
    hub.url(&format!("/hub/admin/group/{}?{SAVED}={what}", encoded(name)))
}

/// What a page says about what has just been saved, by the query of its address.
#[must_use]
pub fn saved(request: &HttpRequest) -> Option<Message> {
    match Query::parse(request.query_string()).get(SAVED)? {
        "limits" => Some(Message::new("limits-saved")),
        "exam" => Some(Message::new("exam-saved")),
        _ => None,
    }
}

fn wanted(form: &Form, now_s: i64) -> Result<Wanted, Failure> {
    let minutes = form.get("minutes").and_then(|text| text.trim().parse::<i64>().ok());
    let minutes =
        minutes.filter(|minutes| *minutes > 0).ok_or_else(|| bad(Message::new("exam-bad-until")))?;
    Ok(Wanted {
        until_s: now_s.saturating_add(minutes.saturating_mul(60)),
        profile: form.get("profile").unwrap_or_default().trim().to_owned(),
        offline: form.get("offline").is_some(),
        no_terminals: form.get("no_terminals").is_some(),
    })
}

fn read(form: &Form) -> Result<Limits, Failure> {
    fn one<T>(
        form: &Form,
        key: &str,
        parse: fn(&str) -> Result<T, LimitError>,
    ) -> Result<Option<T>, Failure> {
        match form.get(key).unwrap_or_default().trim() {
            "" => Ok(None),
            text => parse(text).map(Some).map_err(|error| bad(said(error))),
        }
    }
    Ok(Limits {
        memory: one(form, "mem_limit", limits::memory)?,
        memory_guarantee: one(form, "mem_guarantee", limits::memory)?,
        cpu_percent: one(form, "cpu_limit", limits::cpu_percent)?,
        cpu_weight: one(form, "cpu_weight", limits::weight)?,
        tasks: one(form, "tasks_limit", limits::tasks)?,
        io_weight: one(form, "io_weight", limits::weight)?,
        disk: one(form, "disk_quota", limits::memory)?,
    })
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// What is wrong, in the visitor's language.
fn said(error: LimitError) -> Message {
    Message::new(match error {
        LimitError::Memory => "limits-bad-memory",
        LimitError::Cpu => "limits-bad-cpu",
        LimitError::Weight => "limits-bad-weight",
        LimitError::Tasks => "limits-bad-tasks",
    })
}

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::*;
    use crate::config::Config;

    #[derive(Template)]
    #[template(source = "{% include \"limits_form.html\" %}{% include \"exam_form.html\" %}", ext = "html")]
    struct Both {
        frame: Frame,
        limits: LimitsForm,
        exam: ExamForm,
    }

    #[test]
    fn the_forms_show_what_is_set_as_text() {
        let limits = LimitsForm {
            group: true,
            path: encoded("a/b\"><img>"),
            memory: limits::show_memory(3 << 29),
            memory_guarantee: String::new(),
            cpu: limits::show_cores(150),
            cpu_weight: String::new(),
            tasks: String::new(),
            io_weight: String::new(),
            disk: String::new(),
            in_force: vec![(
                "home-memory",
                Message::new("limits-in-force").with("limit", "2 GiB").with("source", "<img>"),
            )],
        };
        let exam = ExamForm {
            path: limits.path.clone(),
            under_way: true,
            minutes: 90,
            until_shown: "2027-01-31 08:00".to_owned(),
            profiles: vec![("\"><img>".to_owned(), "<img>".to_owned(), true)],
            offline: true,
            no_terminals: false,
        };
        let page = Both { frame: Frame::anonymous(&Config::default()), limits, exam }.render().unwrap();
        assert!(page.contains("/hub/admin/limits/group/a%2Fb%22%3E%3Cimg%3E"), "{page}");
        assert!(page.contains("value=\"1536M\"") && page.contains("value=\"1.5\""), "{page}");
        assert!(page.contains("until 2027-01-31 08:00") || page.contains("2027-01-31 08:00"), "{page}");
        assert!(!page.contains("<img>"), "{page}");
        assert_eq!((page.matches(" checked").count(), page.matches(" selected").count()), (1, 1));
    }
}
