//! `hubgate.toml`: every key, its meaning, unit and default, in one place.
//!
//! The struct, its defaults, the reader and the printed sample all come from the one list below, so they cannot differ.

mod fields;
mod limits;
mod load;
mod origin;
mod profiles;
mod providers;
mod rbac;
mod read;
mod rules;
mod sample;
mod schedules;
pub mod services;
mod value;

use std::path::PathBuf;

use hubgate_protocol::{ServerName, Username, service};

use crate::domain::scope::Scope;

pub use limits::{Cpu, Memory, Tasks, Weight};
pub use load::{ConfigError, ConfigErrors, secret};
pub use origin::Origin;
pub use profiles::{ProfileSpec, ProfileSpecs};
pub use providers::{ProviderSpec, ProviderSpecs, is_private};
pub use rbac::{CustomSpec, Customs, GroupSpec, Groups, RoleSpec, Roles};
pub use schedules::{CullRule, CullRules, Prestart, Prestarts};
pub use value::{Authenticator, Flavour, Group, Mode, NameMap, WatchSource};

/// Longest configuration file in bytes.
pub const FILE_MAX: usize = 1024 * 1024;

/// Makes the struct, its defaults, its reader and its sample from one list of
/// `/// meaning` `key: Type = default, rule;`.
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $key:ident: $kind:ty = $default:expr, $rule:path;)+) => {
        /// The configuration of the gateway. An empty file is a working hub.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $key: $kind,)+
            /// Where it comes from.
            pub origin: Origin,
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($key: $default,)+ origin: Origin::default() }
            }
        }

        impl Config {
            /// All keys, in the order of the sample.
            pub const KEYS: &[&str] = &[$(stringify!($key)),+];

            /// Takes each key that the file has.
            fn fill(&mut self, reader: &mut read::Reader<'_, '_>) {
                $(reader.take(stringify!($key), &mut self.$key, $rule);)+
            }

            /// Each key with its value as the file would have it, in the order of the sample.
            #[must_use]
            pub fn values(&self) -> Vec<(&'static str, String)> {
                vec![$((stringify!($key), value::Value::to_toml(&self.$key)),)+]
            }

            /// A configuration file with every key at its default, explained.
            #[must_use]
            pub fn sample() -> String {
                Self::default().to_toml()
            }

            /// This configuration as a file with every key explained.
            #[must_use]
            pub fn to_toml(&self) -> String {
                let mut text = sample::INTRODUCTION.to_owned();
                $(sample::push(&mut text, &[$($doc),+], stringify!($key), &self.$key);)+
                text
            }
        }
    };
}

settings! {
    /// Path of the hub on the site, the same as in nginx: segments of a-z, 0-9, `_` and `-`, no slash at the end.
    base_url: String = "/jupyterhub".to_owned(), rules::base_url;
    /// What the site calls itself, on every page.
    site_title: String = "hubgate".to_owned(), rules::anything;
    /// Picture beside that name, in place of hubgate's: an SVG or PNG file of at most 256 KiB; "" is hubgate's own.
    logo_file: PathBuf = PathBuf::new(), rules::no_or_absolute;
    /// Colour of links and buttons on light pages, like "#0b63b5", dark enough to be read there; "" is hubgate's own.
    accent_color: String = String::new(), rules::light_accent;
    /// The same on dark pages, like "#58a6ff", bright enough to be read there.
    accent_color_dark: String = String::new(), rules::dark_accent;
    /// What stands below every page; at most 500 characters.
    footer_text: String = String::new(), rules::footer;
    /// What stands on the login page, above the form; at most 2000 characters, each line a paragraph.
    login_text: String = String::new(), rules::login_text;
    /// Plain text of at most 32 KiB that everybody accepts once before their session begins; a changed text asks again at the
    /// next login. "" asks for nothing.
    terms_file: PathBuf = PathBuf::new(), rules::no_or_absolute;
    /// Unix socket for nginx. Used only where systemd does not hand the socket over (`hubgate.socket` does).
    listen: PathBuf = PathBuf::from("/run/hubgate/gateway.sock"), rules::socket;
    /// Mode of that socket: nobody but nginx may write to it, so "others" get nothing.
    listen_mode: Mode = Mode(0o660), rules::listen_mode;
    /// Group of that socket, by name or number: nginx's.
    listen_group: Group = Group::Name("www-data".to_owned()), rules::anything;
    /// Directory of `hubgate.sqlite` and `hubgate.key`; only the gateway's account may enter it.
    state_dir: PathBuf = PathBuf::from("/var/lib/hubgate"), rules::state_dir;
    /// Unix socket of the spawner.
    spawner_socket: PathBuf = PathBuf::from("/run/hubgate/spawner.sock"), rules::socket;
    /// Directory of the servers' sockets, as nginx sees it: the same as in spawner.toml and in nginx's `map`.
    /// At most 69 bytes, so that a socket of the longest user name fits the 108 bytes of a socket address.
    socket_dir: PathBuf = PathBuf::from("/run/jupyter"), rules::socket_dir;
    /// Who checks passwords: "pam" (the host's accounts), "file" (`hubgate user`), or "none": people log in with one of the
    /// providers in `oidc` alone.
    authenticator: Authenticator = Authenticator::Pam, rules::anything;
    /// Who tells the state of servers: "systemd" (system bus) or "spawner" (its process engine).
    watch: WatchSource = WatchSource::Systemd, rules::anything;
    /// Users who are administrators of the hub whatever the database says. Never root.
    admin_users: Vec<Username> = Vec::new(), rules::admin_users;
    /// Groups of the host (or of the identity provider) whose members are administrators of the hub.
    admin_groups: Vec<String> = Vec::new(), rules::host_groups;
    /// Whether everybody who proves who they are may come in. Without this, one of the next four lines must let them.
    /// Users of the file authenticator need none: whoever has a password here may come in.
    allow_all: bool = false, rules::anything;
    /// Users who may come in.
    allowed_users: Vec<Username> = Vec::new(), rules::admin_users;
    /// Groups of the host (or of the identity provider) whose members may come in; looked at again while they are in.
    allowed_groups: Vec<String> = Vec::new(), rules::host_groups;
    /// Whether users whom the hub knows already may come in: whom an administrator has added, and who was in before.
    allow_existing_users: bool = false, rules::anything;
    /// Users who may not come in, whatever else is said.
    blocked_users: Vec<Username> = Vec::new(), rules::anything;
    /// Whether users whose account is gone from the host are deleted; otherwise they stay, locked out.
    delete_invalid_users: bool = false, rules::anything;
    /// Regular expression that the whole of a login name must match. "" is `[a-z_][a-z0-9_-]*` with single dots inside;
    /// what goes beyond that, as "[\\w.@+-]{1,64}" does, is a user `id--…` in URLs.
    username_pattern: String = String::new(), rules::pattern;
    /// Other names for users, JupyterHub's username_map: what is typed (or the provider says) = the user.
    username_map: NameMap = NameMap::default(), rules::anything;
    /// How often it is looked at whether those who are in may still be, in seconds, 5 to 300.
    access_check_seconds: u32 = 20, rules::access_check;
    /// Whether the servers of somebody who may not come in any more are stopped.
    stop_servers_of_refused: bool = false, rules::anything;
    /// Page of a server that opens first, below the server's own path.
    default_url: String = "/lab".to_owned(), rules::default_url;
    /// Kinds of servers that people choose from at a start; the first one that somebody sees is theirs unless they choose. Each
    /// is a table of its own at the end of the file, this line goes then; only the name is needed. Without any, all are alike.
    ///   [[profiles]]
    ///   name = "large"                              # in links and in the API: it stays
    ///   title = "Large memory"
    ///   description = "For models that need more"
    ///   groups = ["ml"]                             # who sees it (groups of the hub, the host or the provider); []: everybody
    ///   mem_limit = "16G"                           # and mem_guarantee, cpu_limit, cpu_weight, tasks_limit, io_weight, as below
    ///   environment = { DATA = "/srv/data" }        # at most 64 variables
    ///   default_url = "/lab"                        # "/tree", "/terminals/1", "/vscode/", "/rstudio/": what opens first
    ///   python = "ml"                               # an environment that spawner.toml names; else the site's own
    ///   modules = ["cuda/12"]                       # loaded before (Environment Modules, Lmod)
    ///   command = "notebook"                        # a subcommand of jupyter: "lab", "notebook", "nbclassic", ...
    ///   gpus = 1                                    # for itself alone, of those that spawner.toml names; others wait in line
    ///   read_only_paths = ["/srv/data"]             # what nothing in the server can change
    ///   hidden_paths = ["/srv/solutions"]           # what nothing in the server can see
    ///   login_shell = true                          # with what /etc/profile.d and the owner's ~/.bash_profile set
    ///   terminals = true                            # whether Jupyter offers terminals
    ///   network = true                              # false: its servers reach no network (systemd)
    profiles: ProfileSpecs = ProfileSpecs::default(), rules::anything;
    /// How long a login lasts, in hours, 1 to 8760.
    session_hours: u32 = 336, rules::session_hours;
    /// After how long without use a login ends, in hours; 0: only by `session_hours`.
    session_idle_hours: u32 = 0, rules::anything;
    /// How long after proving who they are people may do what is dangerous without proving it again, in minutes, 1 to 1440.
    reauthenticate_minutes: u32 = 15, rules::reauthenticate;
    /// Fewest characters of a password that is kept here, 8 to 128.
    password_min_length: u32 = 8, rules::password_length;
    /// How hard such a password must be to guess, 0 (any) to 4 (very hard), by zxcvbn.
    password_min_score: u32 = 2, rules::password_score;
    /// Groups (of the hub, the host or the identity provider) whose members need a second factor. ["*"]: everybody.
    second_factor_groups: Vec<String> = Vec::new(), rules::anything;
    /// Whether users of the file authenticator may log in by a passkey alone.
    allow_passkey_login: bool = true, rules::anything;
    /// Providers of OpenID Connect, beside or in place of passwords. Each is a table of its own at the end of the file, this line
    /// goes then; `public_url` must be set. What is left out is as it stands here; name, issuer and client_id are needed.
    ///   [[oidc]]
    ///   name = "uni"                                # in addresses and in the database: it stays
    ///   title = "Log-in of the university"          # on the button
    ///   issuer = "https://login.example.org"        # as the provider calls itself
    ///   client_id = "hubgate"                       # there; and PUBLIC_URL/BASE_URL/hub/oauth_callback as redirect address
    ///   client_secret_file = "/etc/hubgate/uni.secret"   # nobody else may read it; without it a client with no secret
    ///   scopes = ["profile", "email"]               # "openid" is always asked for
    ///   username_claim = "preferred_username"       # unique there and not for people to change; "email" must be verified
    ///   groups_claim = "groups"                     # for allowed_groups, admin_groups; "realm_access.roles" goes inside
    ///   same_names = false                          # true: its names are those of the same people here (users with a password,
    ///                                               # accounts of the host); false: nobody becomes one of those by a name
    ///   logout = false                              # whether a log-out here is one there
    ///   auto_login = false                          # whether to go there without asking; at one provider at most
    ///   ca_file = "/etc/hubgate/uni-ca.pem"         # in place of the system's certificates
    ///   clock_skew_seconds = 60                     # 0 to 600
    oidc: ProviderSpecs = ProviderSpecs::default(), rules::anything;
    /// Certificate of the private CA, offered on the login page where the file exists.
    ca_certificate: PathBuf = PathBuf::from("/etc/hubgate/tls/ca.crt"), rules::absolute;
    /// Threads that answer requests, 1 to 64. One is enough for thousands of users.
    workers: u16 = 1, rules::workers;
    /// What runs where a user's server is: "direct" (a Jupyter Server that believes this gateway) or "hub"
    /// (jupyterhub-singleuser, unmodified). The same as in spawner.toml's units.
    flavour: Flavour = Flavour::Direct, rules::anything;
    /// Where people find the site, "https://hub.example.org", for addresses in answers of the API; "" leaves them out.
    public_url: String = String::new(), rules::public_url;
    /// After the login to the user's own server; false: to the home page.
    redirect_to_server: bool = true, rules::anything;
    /// Whether a log-out stops the user's servers.
    shutdown_on_logout: bool = false, rules::anything;
    /// Whether a request to a server that is stopped is answered with 503, as JupyterHub did before 2.0, instead of 424.
    use_legacy_stopped_server_status_code: bool = false, rules::anything;
    /// Whether users may have servers beside their default one, each with a name.
    allow_named_servers: bool = false, rules::anything;
    /// Most named servers per user; 0: no limit.
    named_server_limit_per_user: u32 = 0, rules::anything;
    /// Server that opens where none is named; "" is the default server.
    default_server_name: ServerName = ServerName::default(), rules::anything;
    /// After how many minutes without use a server is stopped; 0: never. Use is what a person does, and what computes; a page
    /// that is merely open is none. A server that says nothing of itself counts as used.
    cull_idle_minutes: u32 = 0, rules::cull_idle;
    /// After how many hours a server is stopped, used or not; 0: never.
    cull_max_age_hours: u32 = 0, rules::anything;
    /// How many minutes before its owner is warned, at home and in JupyterLab, 0 to 1440.
    cull_warning_minutes: u32 = 10, rules::cull_warning;
    /// For how many hours at most its owner can keep it then; 0: not at all.
    cull_keep_hours_max: u32 = 24, rules::anything;
    /// Most servers that are stopped so within a minute, 1 to 1000.
    cull_per_minute_max: u32 = 30, rules::cull_pace;
    /// Other values of `cull_idle_minutes` and `cull_max_age_hours` for some people, on some days; the first one that is for
    /// somebody holds. Each is a table of its own at the end of the file, this line goes then.
    ///   [[cull_rules]]
    ///   groups = ["students"]                       # groups of the hub; []: everybody
    ///   days = ["sat", "sun"]                       # by the machine's clock; []: every day
    ///   idle_minutes = 30                           # 0: never
    ///   max_age_hours = 12                          # 0: never
    cull_rules: CullRules = CullRules::default(), rules::anything;
    /// Groups whose servers are started before a class begins, one after the other, so that all run when it does. Each is a
    /// table of its own at the end of the file, this line goes then. Whoever never logged in is left out.
    ///   [[prestarts]]
    ///   group = "physics"                           # a group of the hub
    ///   days = ["mon", "thu"]                       # by the machine's clock; []: every day
    ///   at = "08:55"                                # by then all are started
    ///   minutes = 10                                # over how many minutes before, 1 to 240
    prestarts: Prestarts = Prestarts::default(), rules::anything;
    /// Most servers that start at the same time; further starts wait in line and their people see their place. 0: no limit.
    concurrent_spawn_limit: u32 = 20, rules::anything;
    /// Most starts that wait in line, beyond them 429; 0: none waits, as in JupyterHub.
    spawn_queue_limit: u32 = 1000, rules::anything;
    /// Most servers that are not stopped, beyond them 429; 0: no limit.
    active_server_limit: u32 = 0, rules::anything;
    /// Most memory of a server with all that runs in it, "512M", "2G"; 0: as the unit says. Profiles, groups and users can have
    /// values of their own, which go before this one; so it is with the next five.
    mem_limit: Memory = Memory(None), rules::anything;
    /// Memory of a server that is not reclaimed while others have more than theirs, "512M"; 0: none. It is no reservation: a server
    /// starts whatever is left.
    mem_guarantee: Memory = Memory(None), rules::anything;
    /// Most CPU of a server, in cores, 1.5; 0: as the unit says.
    cpu_limit: Cpu = Cpu(None), rules::anything;
    /// Share of the CPU where there is not enough for all, 1 to 10000, the others having 100; 0: as the unit says.
    cpu_weight: Weight = Weight(None), rules::anything;
    /// Most processes and threads of a server, 16 or more; 0: as the unit says.
    tasks_limit: Tasks = Tasks(None), rules::anything;
    /// Share of disk input and output, 1 to 10000, the others having 100; 0: as the unit says.
    io_weight: Weight = Weight(None), rules::anything;
    /// Most that an account's files may take on the file system of its home, "10G", where that has quotas of users; set when a server
    /// of the account starts, and kept until another is set; 0: quotas are left as they are. Groups and users can have their own.
    disk_quota: Memory = Memory(None), rules::anything;
    /// Whether those who hold access:servers by a role, administrators among them, may enter servers of others. In a browser they
    /// say why first; the owner sees it, and the audit log has it, the use of their tokens too. false: no person but the owner and
    /// those they share with.
    admin_access: bool = true, rules::anything;
    /// How long somebody who said why stays in somebody else's server, in minutes, 1 to 1440.
    admin_access_minutes: u32 = 60, rules::reauthenticate;
    /// How long an API call that starts a server waits for it before it answers 202, in seconds, 0 to 300.
    slow_spawn_timeout: u32 = 10, rules::wait_s;
    /// How long an API call that stops a server waits for it before it answers 202, in seconds, 0 to 300.
    slow_stop_timeout: u32 = 10, rules::wait_s;
    /// Entries of a list in the API where the caller names no number, 1 to 10000.
    api_page_default_limit: u32 = 50, rules::page;
    /// Most entries of a list in the API, 1 to 10000.
    api_page_max_limit: u32 = 200, rules::page;
    /// Longest life of an API token, in seconds; 0: no limit.
    token_expires_in_max_seconds: u32 = 0, rules::anything;
    /// Life of a token that a server or service gets by OAuth, in seconds, 60 to 31536000.
    oauth_token_expires_in: u32 = 1_209_600, rules::oauth_life;
    /// Whether OAuth clients without PKCE are refused.
    oauth_require_pkce: bool = false, rules::anything;
    /// Whether /hub/metrics needs the scope read:metrics.
    authenticate_prometheus: bool = true, rules::anything;
    /// The services of the site, root's file, the same as in spawner.toml. Where it does not exist there are none.
    services_file: PathBuf = PathBuf::from(service::DEFAULT_PATH), rules::absolute;
    /// What every user may do beyond the scope "self".
    extra_user_scopes: Vec<Scope> = Vec::new(), rules::no_metascopes;
    /// Roles, JupyterHub's load_roles. Each is a table of its own at the end of the file, this line goes then:
    ///   [[load_roles]]
    ///   name = "list-and-cull"
    ///   description = "what people read"
    ///   scopes = ["list:users", "read:users:activity", "admin:servers"]
    ///   users = []
    ///   groups = []
    ///   services = ["idle-culler"]
    load_roles: Roles = Roles::default(), rules::roles;
    /// Groups that are made at start, with members who are added. At the end of the file, this line goes then:
    ///   [load_groups.physics]
    ///   users = ["ada"]
    ///   properties = { room = "7" }
    load_groups: Groups = Groups::default(), rules::anything;
    /// Scopes of the site's own, for its services. At the end of the file, this line goes then:
    ///   [custom_scopes."custom:grades:read"]
    ///   description = "Read grades"
    ///   subscopes = []
    custom_scopes: Customs = Customs::default(), rules::customs;
}

impl Config {
    /// Name of the database inside [`Config::state_dir`].
    pub const DATABASE: &str = "hubgate.sqlite";
    /// Name of the key file inside [`Config::state_dir`].
    pub const KEY: &str = "hubgate.key";

    /// Where the database is.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.state_dir.join(Self::DATABASE)
    }

    /// Where open websockets are written down.
    #[must_use]
    pub fn websockets(&self) -> PathBuf {
        self.state_dir.join("websockets.json")
    }

    /// Where starts that wait in line are written down.
    #[must_use]
    pub fn line(&self) -> PathBuf {
        self.state_dir.join("line.json")
    }

    /// Where the names of the services are that the spawner was asked to start.
    #[must_use]
    pub fn started_services(&self) -> PathBuf {
        self.state_dir.join("services.json")
    }

    /// Where the key is.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.state_dir.join(Self::KEY)
    }
}
