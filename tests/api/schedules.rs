//! What holds for groups on some days: when servers that nobody uses are stopped, and which are started before a class.

use hubgate::config::{Config, CullRule, Prestart};
use hubgate::domain::cull::Why;
use hubgate::domain::schedule::{Days, WallTime};
use hubgate::spawn::Event;
use hubgate::state::{culling, prestarts, reload};
use hubgate::store::{Object, groups, users};
use hubgate_protocol::{Phase, ServerId, ServerStatus};

use crate::support::{Character, TestHub};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The day of the week of a moment, so many days later.
fn day(now: WallTime, later: i64) -> Days {
    let index = usize::try_from((now.day + 3 + later).rem_euclid(7)).unwrap();
    Days::read(&[DAYS[index].to_owned()]).unwrap()
}

/// A hub whose group `course` has these members.
async fn hub(members: &[&str], change: impl FnOnce(&mut Config)) -> TestHub {
    let mut test = TestHub::with(Character::Obedient, change).await;
    for name in ["alice", "bob", "cleo", "dan"] {
        test = test.with_user(name);
    }
    test.hub
        .store
        .write(|c| {
            let group = groups::insert(c, &"course".parse().unwrap(), &Object::new())?;
            let mut ids = Vec::new();
            for name in members {
                ids.extend(users::by_name(c, &name.parse().unwrap())?.map(|user| user.id));
            }
            groups::add_members(c, group, &ids)
        })
        .unwrap();
    reload::reload(&test.hub).await.unwrap();
    test
}

/// The server has run for ten hours, and nobody has used it for one.
fn idle(test: &TestHub, name: &str) {
    let (id, now_s): (ServerId, i64) = (name.parse().unwrap(), test.hub.clock.now_s());
    let status = ServerStatus {
        phase: Phase::Running,
        since_ms: u64::try_from(now_s - 36_000).unwrap() * 1000,
        status_text: format!("hubgate kernels=1 busy=0 terminals=0 connections=1 last={}", now_s - 3600),
        ..ServerStatus::stopped(&id)
    };
    test.hub.servers.apply(Event::Changed(status));
}

fn due(test: &TestHub, name: &str) -> Option<(i64, Why)> {
    let at = test.hub.culling.of(&name.parse().unwrap())?;
    Some((at.at_s - test.hub.clock.now_s(), at.why))
}

#[actix_web::test]
async fn the_first_rule_for_somebody_today_holds_and_the_sites_own_for_the_others() {
    let now = TestHub::new().await.hub.clock.wall();
    let rule = |days, idle_minutes, max_age_hours| CullRule {
        groups: vec!["course".to_owned()],
        days,
        idle_minutes,
        max_age_hours,
    };
    let test = hub(&["alice"], |config| {
        config.cull_idle_minutes = 180;
        config.cull_warning_minutes = 0;
        config.cull_rules.0 =
            vec![rule(day(now, 1), 0, 0), rule(day(now, 0), 120, 0), rule(Days::default(), 61, 0)];
    })
    .await;
    for name in ["alice", "bob"] {
        idle(&test, name);
    }
    culling::look(&test.hub).await.unwrap();
    assert_eq!((due(&test, "alice"), due(&test, "bob")), (Some((3600, Why::Idle)), Some((7200, Why::Idle))));
    test.pass(86_400);
    for name in ["alice", "bob"] {
        idle(&test, name);
    }
    culling::look(&test.hub).await.unwrap();
    assert_eq!(
        (due(&test, "alice"), due(&test, "bob")),
        (None, Some((7200, Why::Idle))),
        "tomorrow the course is left alone"
    );
}

#[actix_web::test]
async fn a_rule_can_end_servers_where_the_site_ends_none() {
    let test = hub(&["alice"], |config| {
        config.cull_warning_minutes = 0;
        config.cull_rules.0 = vec![CullRule { max_age_hours: 11, ..CullRule::default() }];
    })
    .await;
    assert!(test.hub.culls());
    idle(&test, "alice");
    culling::look(&test.hub).await.unwrap();
    assert_eq!(due(&test, "alice"), Some((3600, Why::Age)));
}

#[actix_web::test]
async fn the_servers_of_a_class_are_started_one_after_the_other_before_it_begins() {
    let now = TestHub::new().await.hub.clock.wall();
    // A class today, an hour and a half before midnight; the test goes there.
    let (at, begins_s) = ("22:30", 22 * 3600 + 30 * 60);
    let test = hub(&["alice", "bob", "cleo", "dan"], |config| {
        let class =
            Prestart { group: "course".to_owned(), at: at.parse().unwrap(), minutes: 20, days: day(now, 0) };
        let other_day = Prestart { days: day(now, 1), ..class.clone() };
        config.prestarts.0 = vec![other_day, class];
        config.concurrent_spawn_limit = 0;
    })
    .await;
    test.server("cleo", Phase::Running);
    let wait = begins_s - 1200 - now.second;
    assert!(wait > 1, "the clock of the tests stands early enough");
    test.pass(wait - 1);
    prestarts::look(&test.hub).await;
    assert_eq!(test.started(), Vec::<String>::new());
    test.pass(1);
    prestarts::look(&test.hub).await;
    prestarts::look(&test.hub).await;
    assert_eq!(test.started(), ["alice"], "each is looked at once");
    test.pass(600);
    prestarts::look(&test.hub).await;
    assert_eq!(test.started(), ["alice", "bob"], "cleo's runs already");
    test.pass(599);
    prestarts::look(&test.hub).await;
    assert_eq!(test.started(), ["alice", "bob", "dan"]);
    test.pass(1);
    prestarts::look(&test.hub).await;
    assert_eq!(test.started().len(), 3);
}
