//! What real servers say of themselves in every situation, recorded in `tests/jupyter/reports.txt`, and what becomes of them.

use std::collections::HashMap;

use hubgate::domain::usage::Usage;
use hubgate::spawn::Event;
use hubgate::state::culling;
use hubgate_protocol::{Phase, ServerId, ServerStatus};

use crate::support::{Character, TestHub};

const RECORDED: &str = include_str!("../jupyter/reports.txt");
const IDLE_S: i64 = 3600;
const WARNING_S: i64 = 600;
/// When something is done once in those servers that are put off.
const ACT_S: i64 = 1800;
/// How often the gateway looks.
const LOOK_S: i64 = 10;
const DAY_S: i64 = 86_400;

/// A line of `reports.txt`.
struct Row {
    situation: &'static str,
    verdict: &'static str,
    cpu_percent: u32,
    report: &'static str,
}

fn rows(verdicts: &[&str]) -> Vec<Row> {
    let lines = RECORDED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Vec<Row> = lines
        .map(|line| {
            let [situation, verdict, cpu, report] = line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
            let cpu_percent = if cpu == "much" { 10 } else { 9 };
            Row { situation, verdict, cpu_percent, report }
        })
        .collect();
    assert!(all.iter().all(|row| ["kept", "culled", "put off"].contains(&row.verdict)));
    all.into_iter().filter(|row| verdicts.contains(&row.verdict)).collect()
}

/// One server per row, in a hub that stops idle servers after an hour.
struct Play {
    test: TestHub,
    began_s: i64,
    running: HashMap<ServerId, Row>,
    /// By situation: after how many seconds its owner was warned, and it was stopped.
    warned: HashMap<&'static str, i64>,
    ended: HashMap<&'static str, i64>,
}

impl Play {
    async fn new(verdicts: &[&str]) -> Self {
        let test = TestHub::with(Character::Obedient, |config| config.cull_idle_minutes = 60).await;
        let began_s = test.hub.clock.now_s();
        let named = |(number, row)| (format!("row{number}").parse().unwrap(), row);
        let running = rows(verdicts).into_iter().enumerate().map(named).collect();
        Self { test, began_s, running, warned: HashMap::new(), ended: HashMap::new() }
    }

    fn passed_s(&self) -> i64 {
        self.test.hub.clock.now_s() - self.began_s
    }

    /// Every server says what was recorded of it; `last_s`: what `last=now` stands for.
    fn say(&self, last_s: i64) {
        let mut used = HashMap::new();
        for (id, row) in &self.running {
            let report = row.report.replace("last=now", &format!("last={last_s}"));
            let status_text =
                format!("hubgate {}", report.replace("last=before", &format!("last={}", self.began_s)));
            let since_ms = u64::try_from(self.began_s - IDLE_S).unwrap() * 1000;
            let status =
                ServerStatus { phase: Phase::Running, since_ms, status_text, ..ServerStatus::stopped(id) };
            self.test.hub.servers.apply(Event::Changed(status));
            used.insert(id.clone(), Usage { cpu_percent: Some(row.cpu_percent), ..Usage::default() });
        }
        self.test.hub.meters.show(used, None);
    }

    /// The gateway looks, and what it stops has stopped.
    async fn look(&mut self) {
        culling::look(&self.test.hub).await.unwrap();
        let passed_s = self.passed_s();
        for (id, row) in &self.running {
            if self.test.hub.culling.of(id).is_some_and(|at| at.soon) {
                self.warned.entry(row.situation).or_insert(passed_s);
            }
        }
        let gone: Vec<ServerId> =
            self.running.keys().filter(|id| self.test.hub.culling.ended(id).is_some()).cloned().collect();
        for id in gone {
            self.test.server(&id.to_string(), Phase::Stopped);
            let row = self.running.remove(&id).unwrap();
            self.ended.insert(row.situation, passed_s);
        }
    }

    /// Looks until so much time has passed.
    async fn until(&mut self, end_s: i64, step_s: i64) {
        while self.passed_s() < end_s {
            self.test.pass(step_s);
            self.look().await;
        }
    }
}

#[actix_web::test]
async fn what_works_with_the_browser_closed_is_kept_for_a_month_though_its_server_says_so_only_once() {
    let mut play = Play::new(&["kept"]).await;
    play.say(play.began_s);
    play.until(30 * DAY_S, IDLE_S / 2).await;
    assert_eq!((&play.ended, &play.warned), (&HashMap::new(), &HashMap::new()));
    assert!(play.running.len() >= 12);
}

#[actix_web::test]
async fn what_nobody_uses_is_stopped_within_a_minute_of_its_time_and_was_warned_for_ten() {
    let mut play = Play::new(&["culled"]).await;
    let rows = play.running.len();
    play.say(play.began_s);
    play.until(IDLE_S + 60, LOOK_S).await;
    assert!(rows >= 12 && play.running.is_empty() && play.ended.len() == rows, "{:?}", play.ended);
    for (situation, ended_s) in play.ended {
        assert!(ended_s >= IDLE_S, "{situation}: {ended_s} s");
        assert!(ended_s - play.warned[situation] >= WARNING_S, "{situation}");
    }
}

#[actix_web::test]
async fn one_use_has_the_time_begin_anew() {
    let mut play = Play::new(&["put off"]).await;
    let rows = play.running.len();
    play.say(play.began_s);
    play.until(ACT_S, LOOK_S).await;
    play.say(play.began_s + ACT_S);
    play.until(ACT_S + IDLE_S + 60, LOOK_S).await;
    assert!(rows >= 3 && play.ended.len() == rows, "{:?}", play.ended);
    assert!(play.ended.values().all(|ended_s| *ended_s >= ACT_S + IDLE_S), "{:?}", play.ended);
}

#[actix_web::test]
async fn the_time_begins_when_a_job_that_says_nothing_has_ended_and_a_moments_work_is_none() {
    let mut play = Play::new(&["culled"]).await;
    play.running.retain(|_, row| ["a prompt", "nothing at all"].contains(&row.situation));
    let computes = |play: &mut Play, situation, cpu_percent| {
        play.running
            .values_mut()
            .filter(|row| row.situation == situation)
            .for_each(|row| row.cpu_percent = cpu_percent);
        play.say(play.began_s);
    };
    computes(&mut play, "a prompt", 10);
    play.until(ACT_S, LOOK_S).await;
    computes(&mut play, "nothing at all", 100);
    play.until(ACT_S + LOOK_S, LOOK_S).await;
    computes(&mut play, "nothing at all", 0);
    play.until(3 * IDLE_S, LOOK_S).await;
    computes(&mut play, "a prompt", 9);
    play.until(4 * IDLE_S + 60, LOOK_S).await;
    assert_eq!(play.ended["nothing at all"], IDLE_S);
    assert!(play.ended["a prompt"] >= 4 * IDLE_S, "{:?}", play.ended);
}
