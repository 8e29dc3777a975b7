//! A spawner whose PAM talks to people: what it asks depends on the name.

use hubgate_protocol::{
    Account, AccountState, AuthOutcome, LoginName, Prompt, PromptStyle, Purpose, Refusal, Request, Response,
    Secret, frame,
};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::support::{PASSWORD, read};

/// Reads the name and goes on as PAM's modules would.
pub async fn talk(mut stream: UnixStream, request: Request) {
    let Request::Authenticate { user, password, converse, .. } = request else { panic!("{request:?}") };
    let right = password.expose() == PASSWORD;
    let outcome = match user.as_str() {
        name if !right && refusal(name).is_none() => refused(Refusal::BadCredentials {}),
        "bob" => accepted(&user),
        _ if !converse => refused(Refusal::BadCredentials {}),
        "alice" => code(&mut stream, &user).await,
        "carol" => new_password(&mut stream, &user).await,
        "dave" => all_at_once(&mut stream, &user).await,
        "gone" => return ask(&mut stream, Purpose::Login, &[(PromptStyle::Hidden, "Code:")]).await,
        name => refused(refusal(name).unwrap_or(Refusal::BadCredentials {})),
    };
    say(&mut stream, &Response::Authenticated { outcome }).await;
}

/// What an account is in trouble with.
fn refusal(name: &str) -> Option<Refusal> {
    Some(match name {
        "locked" => Refusal::Locked {},
        "oldpassword" => Refusal::PasswordExpired {},
        "oldaccount" => Refusal::AccountExpired {},
        "nologin" => Refusal::NoLogins {},
        "badtime" => Refusal::NotPermitted {},
        "nobackend" => Refusal::Unavailable {},
        _ => return None,
    })
}

async fn code(stream: &mut UnixStream, user: &LoginName) -> AuthOutcome {
    let welcome = "Welcome to <b>the</b> machine";
    let prompts = [(PromptStyle::Info, welcome), (PromptStyle::Hidden, "Verification code: ")];
    ask(stream, Purpose::Login, &prompts).await;
    match answers(stream).await.as_deref() {
        Some([code]) if code == "123456" => accepted(user),
        _ => refused(Refusal::BadCredentials {}),
    }
}

async fn new_password(stream: &mut UnixStream, user: &LoginName) -> AuthOutcome {
    let mut told = (PromptStyle::Info, "You are required to change your password immediately.");
    for _ in 0..3 {
        let hidden = |text| (PromptStyle::Hidden, text);
        ask(stream, Purpose::NewPassword, &[told, hidden("New password: "), hidden("Retype new password: ")])
            .await;
        match answers(stream).await.as_deref() {
            Some([new, again]) if new == again && new.len() > 7 => return accepted(user),
            Some(_) => told = (PromptStyle::Error, "BAD PASSWORD: it is too short"),
            None => break,
        }
    }
    refused(Refusal::BadCredentials {})
}

async fn all_at_once(stream: &mut UnixStream, user: &LoginName) -> AuthOutcome {
    ask(stream, Purpose::Login, &[(PromptStyle::Info, "The lab closes at six.")]).await;
    assert_eq!(answers(stream).await, Some(vec![]));
    ask(stream, Purpose::Login, &[(PromptStyle::Shown, "1 for push: "), (PromptStyle::Hidden, "Code: ")])
        .await;
    match answers(stream).await.as_deref() {
        Some([choice, code]) if choice == "1" && code == "7" => accepted(user),
        _ => refused(Refusal::BadCredentials {}),
    }
}

async fn ask(stream: &mut UnixStream, purpose: Purpose, prompts: &[(PromptStyle, &str)]) {
    let prompts = prompts.iter().map(|(style, text)| Prompt { style: *style, text: (*text).to_owned() });
    say(stream, &Response::Prompt { prompts: prompts.collect(), purpose }).await;
}

async fn answers(stream: &mut UnixStream) -> Option<Vec<String>> {
    match read(stream).await? {
        Request::Answer { answers } => {
            Some(answers.iter().map(|answer| answer.expose().to_owned()).collect())
        }
        other => panic!("{other:?}"),
    }
}

async fn say(stream: &mut UnixStream, response: &Response) {
    let _ = stream.write_all(&frame::encode(response).unwrap()).await;
}

fn accepted(user: &LoginName) -> AuthOutcome {
    AuthOutcome::Accepted {
        account: Account { user: user.id(), uid: Some(1000) },
        state: AccountState::default(),
        ticket: Secret::try_from("a-ticket".to_owned()).unwrap(),
    }
}

fn refused(reason: Refusal) -> AuthOutcome {
    AuthOutcome::Refused { reason }
}
