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
use crate::pages::admin::{groups::refused as page_of_group, user::refused as page_of_user};
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
    /// What can be set.
    pub fields: Vec<LimitField>,
    /// Key of each thing that is limited, and the limit with who states it; empty for a group.
    pub in_force: Vec<(&'static str, Message)>,
}

/// One limit.
#[derive(Debug)]
pub struct LimitField {
    /// What it is called in the form.
    pub name: &'static str,
    /// Key of what people call it.
    pub label: &'static str,
    /// What a telephone's keyboard offers.
    pub keys: &'static str,
    /// As it is typed; empty for none.
    pub value: String,
    /// Why it was not taken.
    pub fault: Option<Message>,
}

impl LimitField {
    fn of(name: &'static str, label: &'static str, keys: &'static str, value: Option<String>) -> Self {
        Self { name, label, keys, value: value.unwrap_or_default(), fault: None }
    }

    /// As it was typed, and what is wrong with it.
    fn typed(self, form: &Form, faults: &Faults) -> Self {
        let fault = faults.iter().find(|(name, _)| *name == self.name);
        Self {
            value: form.get(self.name).unwrap_or_default().to_owned(),
            fault: fault.map(|(_, error)| said(*error)),
            ..self
        }
    }
}

/// The fields that are not taken, and why.
pub type Faults = Vec<(&'static str, LimitError)>;

impl LimitsForm {
    /// The form for somebody, filled in with what is set.
    #[must_use]
    pub fn of(hub: &Hub, frame: &Frame, whose: &Whose) -> Self {
        let directory = hub.directory();
        let (group, name, own) = match whose {
            Whose::User(user) => (false, user.as_str(), directory.limits_of_user(user)),
            Whose::Group(group) => (true, group.as_str(), directory.limits_of_group(group)),
        };
        let size = |bytes: Option<_>| bytes.map(limits::show_memory);
        let weight = |weight: Option<_>| weight.map(|weight: u32| weight.to_string());
        let field = LimitField::of;
        Self {
            group,
            path: encoded(name),
            fields: vec![
                field("mem_limit", "limits-memory", "text", size(own.memory)),
                field("mem_guarantee", "limits-memory-guarantee", "text", size(own.memory_guarantee)),
                field("cpu_limit", "limits-cpu", "decimal", own.cpu_percent.map(limits::show_cores)),
                field("cpu_weight", "limits-cpu-weight", "numeric", weight(own.cpu_weight)),
                field("tasks_limit", "limits-tasks", "numeric", own.tasks.map(|tasks| tasks.to_string())),
                field("io_weight", "limits-io-weight", "numeric", weight(own.io_weight)),
                field("disk_quota", "limits-disk", "text", size(own.disk)),
            ],
            in_force: match whose {
                Whose::User(user) => in_force(hub, frame, &ServerId::default_of(user.clone())),
                Whose::Group(_) => Vec::new(),
            },
        }
    }

    /// The form as it was sent, with what is wrong in it.
    #[must_use]
    pub fn refused(self, form: &Form, faults: &Faults) -> Self {
        let fields = self.fields.into_iter().map(|field| field.typed(form, faults)).collect();
        Self { fields, ..self }
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

/// `POST /hub/admin/limits/user/NAME`: 422 with the page of the user where a field is not taken.
pub async fn user(_: Proof, posted: Posted, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let whose = Whose::user(&caller, Base::AdminUsers, &name).await.map_err(told)?;
    let limits = match read(&posted.form) {
        Ok(limits) => limits,
        Err(faults) => return page_of_user(&caller, &posted, &name, &faults).await.map_err(told),
    };
    replace(&caller, &whose, limits).await.map_err(told)?;
    Ok(answer::redirect(&posted.hub.url(&format!("/hub/admin/user/{}?{SAVED}=limits", encoded(&name)))))
}

/// `POST /hub/admin/limits/group/NAME`: 422 with the page of the group where a field is not taken.
pub async fn group(_: Proof, posted: Posted, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let whose = Whose::group(&caller, Base::AdminGroups, &name).await.map_err(told)?;
    let limits = match read(&posted.form) {
        Ok(limits) => limits,
        Err(faults) => return page_of_group(&caller, &posted, &name, &faults).await.map_err(told),
    };
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

fn read(form: &Form) -> Result<Limits, Faults> {
    fn one<T>(
        form: &Form,
        faults: &mut Faults,
        name: &'static str,
        parse: fn(&str) -> Result<T, LimitError>,
    ) -> Option<T> {
        let text = form.get(name).unwrap_or_default().trim();
        let read = (!text.is_empty()).then(|| parse(text)).transpose();
        read.unwrap_or_else(|error| {
            faults.push((name, error));
            None
        })
    }
    let mut faults = Vec::new();
    let limits = Limits {
        memory: one(form, &mut faults, "mem_limit", limits::memory),
        memory_guarantee: one(form, &mut faults, "mem_guarantee", limits::memory),
        cpu_percent: one(form, &mut faults, "cpu_limit", limits::cpu_percent),
        cpu_weight: one(form, &mut faults, "cpu_weight", limits::weight),
        tasks: one(form, &mut faults, "tasks_limit", limits::tasks),
        io_weight: one(form, &mut faults, "io_weight", limits::weight),
        disk: one(form, &mut faults, "disk_quota", limits::memory),
    };
    if faults.is_empty() { Ok(limits) } else { Err(faults) }
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
            fields: vec![
                LimitField::of("mem_limit", "limits-memory", "text", Some(limits::show_memory(3 << 29))),
                LimitField::of("cpu_limit", "limits-cpu", "decimal", Some(limits::show_cores(150))),
            ],
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
