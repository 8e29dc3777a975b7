//! What PAM asks beyond the password: one page for each of its turns, until it has decided.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use hubgate_protocol::{Prompt, PromptStyle, Purpose, Secret};

use crate::answer::{self, Failure, Frame};
use crate::domain::form::Form;
use crate::extract::Filled;
use crate::pages::login::{Again, login_page, refused};
use crate::pages::welcome::Arrival;
use crate::pages::{reauthenticate, signin};
use crate::state::Hub;
use crate::state::authenticate::{Asked, Step, go_on};
use crate::state::signins::{Goal, Stage};
use crate::words::Message;

#[derive(Template)]
#[template(path = "conversation.html")]
struct ConversationPage {
    frame: Frame,
    title: String,
    lines: Vec<Line>,
    /// Whether anything is asked; else there is something to read alone.
    asks: bool,
}

/// One message of PAM.
struct Line {
    /// Of its field.
    number: usize,
    style: PromptStyle,
    text: String,
    /// What browsers may fill in.
    autocomplete: &'static str,
    /// Whether the cursor begins here.
    first: bool,
}

impl Line {
    fn hidden(&self) -> bool {
        self.style == PromptStyle::Hidden
    }

    fn bad(&self) -> bool {
        self.style == PromptStyle::Error
    }
}

fn lines(prompts: &[Prompt], purpose: Purpose) -> Vec<Line> {
    let first = prompts.iter().position(|prompt| prompt.style.asks());
    let line = |(number, prompt): (usize, &Prompt)| Line {
        number,
        style: prompt.style,
        text: prompt.text.trim().trim_end_matches(':').to_owned(),
        autocomplete: match purpose {
            Purpose::NewPassword => "new-password",
            Purpose::Login => "one-time-code",
        },
        first: first == Some(number),
    };
    prompts.iter().enumerate().map(line).collect()
}

/// Shows what PAM has to say and to ask.
///
/// # Errors
/// 503 when the step cannot be kept.
pub fn ask(
    hub: &Hub,
    request: &HttpRequest,
    (asked, goal, next): (Asked, Goal, Option<String>),
) -> Result<HttpResponse, Failure> {
    let (prompts, purpose) = (&asked.questions.prompts, asked.questions.purpose);
    let (lines, asks) = (lines(prompts, purpose), prompts.iter().any(|prompt| prompt.style.asks()));
    let title = match purpose {
        Purpose::Login => "conversation-login",
        Purpose::NewPassword => "conversation-password",
    };
    let stage = Stage::Conversation(Box::new(asked), goal);
    signin::ask(hub, request, StatusCode::OK, (stage, next), |frame| ConversationPage {
        title: frame.t(title),
        frame,
        lines,
        asks,
    })
}

/// `POST /hub/login/continue`.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let signin = signin::resume(hub, &request, &form)?;
    let Stage::Conversation(asked, goal) = signin.stage else {
        return Err(Failure::see(hub.url("/hub/login")));
    };
    if form.get("cancel").is_some() {
        return Ok(answer::redirect(&hub.url("/hub/login")));
    }
    let answers = answers(&asked.questions.prompts, &form).ok_or_else(|| {
        visitor.failure(Failure::new(StatusCode::BAD_REQUEST, Message::new("conversation-missing")))
    })?;
    let login = asked.name().to_owned();
    match go_on(hub, *asked, answers).await {
        Ok(Step::Asked(asked)) => ask(hub, &request, (asked, goal, signin.next)),
        Ok(Step::Proven(proven)) => {
            let arrival =
                Arrival { visitor: &visitor, request: &request, proven: *proven, next: signin.next };
            match goal {
                Goal::Login => arrival.welcome().await,
                Goal::Renewal => reauthenticate::proven(arrival).await,
            }
        }
        Err(refusal) => refused(hub, &request, refusal, Again { name: &login, next: signin.next.as_deref() }),
    }
}

/// The answer to each prompt that waits for one.
fn answers(prompts: &[Prompt], form: &Form) -> Option<Vec<Secret>> {
    let asking = prompts.iter().enumerate().filter(|(_, prompt)| prompt.style.asks());
    asking
        .map(|(number, _)| Secret::try_from(form.get(&format!("answer{number}"))?.to_owned()).ok())
        .collect()
}

/// The login page, for somebody whose login took too long, or went on in another window.
///
/// # Errors
/// 503.
pub fn lost(hub: &Hub, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let late = Message::new("login-late");
    login_page(hub, request, (StatusCode::OK, Some(late)), Again { name: "", next: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_waits_for_an_answer_gets_one() {
        let prompt = |style, text: &str| Prompt { style, text: text.to_owned() };
        let prompts = [
            prompt(PromptStyle::Info, "Hello"),
            prompt(PromptStyle::Shown, "Choose 1 for push: "),
            prompt(PromptStyle::Hidden, "Code:"),
        ];
        let form = Form::parse(b"answer0=x&answer1=1&answer2=").unwrap();
        let told: Vec<String> =
            answers(&prompts, &form).unwrap().iter().map(|answer| answer.expose().to_owned()).collect();
        assert_eq!(told, ["1", ""]);
        assert!(answers(&prompts, &Form::parse(b"answer1=1").unwrap()).is_none());
        let shown = lines(&prompts, Purpose::Login);
        assert_eq!(
            (shown[1].text.as_str(), shown[1].first, shown[2].first),
            ("Choose 1 for push", true, false)
        );
    }
}
