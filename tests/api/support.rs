//! `TestHub`: builder, client and fake spawner.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, LOCATION, SET_COOKIE};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use hubgate::app::{hub, routes};
use hubgate::clock::Clock;
use hubgate::config::{Authenticator, Config, WatchSource};
use hubgate::password;
use hubgate::spawn::Event;
use hubgate::state::{Hub, reload};
use hubgate::store::passwords::{self, NewPassword};
use hubgate::store::{NewUser, Standing, users};
use hubgate_protocol::frame::{self, HEADER_LEN};
use hubgate_protocol::{ErrorCode, Exit, Phase, Request, Response, Secret, ServerId, ServerStatus, Username};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::host::Host;

pub const PASSWORD: &str = "correct horse";
pub const HOST: &str = "hub.test";

/// How the fake spawner behaves.
#[derive(Debug, Clone, Copy)]
pub enum Character {
    /// Does as it is told.
    Obedient,
    /// Answers everything with this error.
    Refuses(ErrorCode),
    /// Answers with bytes that are no frame.
    SpeaksNonsense,
    /// Talks to people as PAM does, see `talker`.
    Talks,
}

pub struct TestHub {
    pub hub: web::Data<Hub>,
    pub asked: Arc<Mutex<Vec<Request>>>,
    pub host: Arc<Mutex<Host>>,
    clock: Arc<AtomicI64>,
    dir: tempfile::TempDir,
}

impl TestHub {
    pub async fn new() -> Self {
        Self::with(Character::Obedient, |_| {}).await
    }

    pub async fn with(character: Character, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            state_dir: dir.path().join("state"),
            spawner_socket: dir.path().join("spawner.sock"),
            authenticator: Authenticator::File,
            watch: WatchSource::Spawner,
            ca_certificate: dir.path().join("ca.crt"),
            ..Config::default()
        };
        change(&mut config);
        std::fs::create_dir(&config.state_dir).unwrap();
        let asked = Arc::<Mutex<Vec<Request>>>::default();
        let host = Arc::<Mutex<Host>>::default();
        let listener = UnixListener::bind(&config.spawner_socket).unwrap();
        actix_web::rt::spawn(serve(listener, character, asked.clone(), host.clone()));
        let clock = Arc::new(AtomicI64::new(1_800_000_000));
        let hub = web::Data::new(hub(config, Clock::Fixed(clock.clone())).unwrap());
        Self { hub, asked, host, clock, dir }
    }

    /// Another gateway over the same state.
    pub async fn restarted(self) -> Self {
        let next = hub(self.hub.config.clone(), Clock::Fixed(self.clock.clone())).unwrap();
        reload::reload(&next).await.unwrap();
        Self { hub: web::Data::new(next), ..self }
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Waits until the spawner has been asked for something.
    pub async fn until(&self, seen: impl Fn(&[Request]) -> bool) {
        while !seen(&self.asked.lock()) {
            tokio::task::yield_now().await;
        }
    }

    /// Whose servers the spawner was asked to start, in that order.
    pub fn started(&self) -> Vec<String> {
        let asked = self.asked.lock();
        let starts = asked.iter().filter_map(|request| match request {
            Request::Start { user, .. } => Some(user.to_string()),
            _ => None,
        });
        starts.collect()
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    pub fn with_user(self, name: &str) -> Self {
        let hash = password::hash(&Secret::try_from(PASSWORD.to_owned()).unwrap()).unwrap();
        let name: Username = name.parse().unwrap();
        self.hub
            .store
            .write(|c| match users::by_name(c, &name)? {
                // The configuration has made them already.
                Some(_) => passwords::set(c, &name, &NewPassword { hash, must_change: false, now_s: 0 }),
                None => {
                    let new = NewUser {
                        name,
                        admin: false,
                        password_hash: Some(hash),
                        created_s: 0,
                        standing: Standing::default(),
                    };
                    users::insert(c, &new).map(drop)
                }
            })
            .unwrap();
        self
    }

    pub fn server(&self, name: &str, phase: Phase) {
        let exit = (phase == Phase::Failed).then(|| Exit { result: "exit-code".to_owned(), status: 203 });
        let id: ServerId = name.parse().unwrap();
        self.hub.servers.apply(Event::Changed(ServerStatus { phase, exit, ..ServerStatus::stopped(&id) }));
    }

    /// Asks for a websocket as a page of ours does.
    pub async fn open_socket(&self, uri: &str, cookie: &str) -> StatusCode {
        let question = script("GET", uri)
            .insert_header(("x-orig-upgrade", "websocket"))
            .insert_header(("x-orig-origin", "https://hub.test"));
        self.ask(question, cookie).await.status
    }

    /// How many connections the spawner was told to close.
    pub fn cut_connections(&self) -> usize {
        let asked = self.asked.lock();
        asked
            .iter()
            .map(|request| if let Request::Cut { connections } = request { connections.len() } else { 0 })
            .sum()
    }

    pub async fn send(&self, request: TestRequest) -> Answer {
        self.send_from("192.0.2.7", request).await
    }

    pub async fn send_from(&self, address: &str, request: TestRequest) -> Answer {
        let base_url = self.hub.config.base_url.clone();
        let app = App::new().app_data(self.hub.clone()).configure(|service| routes(&base_url, service));
        let app = init_service(app).await;
        let request = request
            .insert_header(("x-real-ip", address))
            .insert_header(("x-real-port", "40000"))
            .insert_header(("x-forwarded-proto", "https"))
            .insert_header(("x-original-host", HOST));
        Answer::read(call_service(&app, request.to_request()).await).await
    }

    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(browser(TestRequest::get().uri(path)).insert_header((COOKIE, cookie))).await
    }

    pub async fn post(&self, path: &str, cookie: &str, form: &str) -> Answer {
        let request = TestRequest::post()
            .uri(path)
            .insert_header((COOKIE, cookie))
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .insert_header(("accept", "text/html"))
            .set_payload(form.to_owned());
        self.send(request).await
    }

    /// Fills the login form in as a browser does.
    pub async fn try_login(&self, name: &str, password: &str, query: &str) -> Answer {
        let page = self.get(&format!("/jupyterhub/hub/login{query}"), "").await;
        let (cookie, token) = (page.cookie("_xsrf").unwrap(), page.xsrf());
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let next = page.field("next").map(|next| format!("&next={}", encode(&next))).unwrap_or_default();
        let form = format!("username={}&password={}&_xsrf={token}{next}", encode(name), encode(password));
        self.post("/jupyterhub/hub/login", &format!("_xsrf={cookie}"), &form).await
    }

    /// Logs in and returns the `Cookie` header.
    pub async fn login(&self, name: &str) -> String {
        let answer = self.try_login(name, PASSWORD, "").await;
        assert_eq!(answer.status, StatusCode::FOUND, "{}", answer.body);
        format!("hubgate-session={}", answer.cookie("hubgate-session").unwrap())
    }

    /// Puts nginx's question about a request.
    pub async fn ask(&self, question: TestRequest, cookie: &str) -> Answer {
        self.send(question.uri("/auth").insert_header((COOKIE, cookie))).await
    }
}

/// The question about a navigation to `uri`, with the same path normalised by nginx.
pub fn navigation(uri: &str) -> TestRequest {
    let path = uri.split('?').next().unwrap();
    question("GET", uri, path)
        .insert_header(("x-orig-fetch-mode", "navigate"))
        .insert_header(("x-orig-fetch-dest", "document"))
        .insert_header(("x-orig-accept", "text/html"))
}

/// The question about a script's request.
pub fn script(method: &str, uri: &str) -> TestRequest {
    question(method, uri, uri)
        .insert_header(("x-orig-fetch-mode", "cors"))
        .insert_header(("x-orig-accept", "application/json"))
}

/// A request of the hub itself as the page of a server makes it.
pub fn by_script(request: TestRequest, cookie: &str) -> TestRequest {
    request
        .insert_header(("cookie", cookie.to_owned()))
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("sec-fetch-mode", "cors"))
        .insert_header(("sec-fetch-dest", "empty"))
}

pub fn question(method: &str, uri: &str, normalised: &str) -> TestRequest {
    TestRequest::get()
        .insert_header(("x-original-uri", uri))
        .insert_header(("x-original-method", method))
        .insert_header(("x-normalized-uri", normalised))
}

pub fn browser(request: TestRequest) -> TestRequest {
    request
        .insert_header(("accept", "text/html"))
        .insert_header(("sec-fetch-mode", "navigate"))
        .insert_header(("sec-fetch-dest", "document"))
        .insert_header(("sec-fetch-site", "same-origin"))
}

pub struct Answer {
    pub status: StatusCode,
    pub body: String,
    headers: actix_web::http::header::HeaderMap,
}

impl Answer {
    async fn read(response: ServiceResponse) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.unwrap_or_default();
        Self { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all(SET_COOKIE).filter_map(|value| value.to_str().ok());
        all.filter_map(|cookie| cookie.split(';').next()?.split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.to_owned())
    }

    pub fn set_cookie(&self, name: &str) -> String {
        let mut all = self.headers.get_all(SET_COOKIE).filter_map(|value| value.to_str().ok());
        all.find(|cookie| cookie.starts_with(name)).unwrap_or_default().to_owned()
    }

    pub fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        Some(rest.split('"').next()?.replace("&#38;", "&"))
    }

    pub fn xsrf(&self) -> String {
        self.field("_xsrf").unwrap_or_else(|| panic!("no token in {}", self.body))
    }
}

async fn serve(
    listener: UnixListener,
    character: Character,
    asked: Arc<Mutex<Vec<Request>>>,
    host: Arc<Mutex<Host>>,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let (asked, host) = (asked.clone(), host.clone());
        actix_web::rt::spawn(async move {
            while let Some(request) = read(&mut stream).await {
                asked.lock().push(request.clone());
                if matches!((character, &request), (Character::Talks, Request::Authenticate { .. })) {
                    return crate::talker::talk(stream, request).await;
                }
                let answer = match character {
                    Character::Obedient | Character::Talks => {
                        frame::encode(&obey(&request, &host.lock())).unwrap()
                    }
                    Character::Refuses(error) => {
                        frame::encode(&Response::Error { error, message: "no".to_owned() }).unwrap()
                    }
                    Character::SpeaksNonsense => b"\xff\xff\xff\xffnonsense".to_vec(),
                };
                let _ = stream.write_all(&answer).await;
            }
        });
    }
}

/// Reads one request; `None` where the gateway has hung up.
pub async fn read(stream: &mut UnixStream) -> Option<Request> {
    let mut header = [0; HEADER_LEN];
    stream.read_exact(&mut header).await.ok()?;
    let mut body = vec![0; frame::body_len(header).unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(frame::decode(&body).unwrap())
}

fn obey(request: &Request, host: &Host) -> Response {
    if let Some(answer) = host.answer(request) {
        return answer;
    }
    match request {
        Request::Journal { .. } => {
            Response::Journal { lines: vec!["first line".to_owned(), "<script>last</script>".to_owned()] }
        }
        Request::Cut { connections } => Response::Cut { closed: u32::try_from(connections.len()).unwrap() },
        _ => Response::Done {},
    }
}
