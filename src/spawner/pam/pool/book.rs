//! Who has which place, and who is next. No clock and no waiting: see [`super::Pool`].

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::mpsc::SyncSender;

use hubgate_protocol::LoginName;

use super::Who;
use crate::prefix::Prefix;

/// Conversations that work at once: more than processors, because a module may wait for the network.
pub(super) const WORKING_MAX: usize = 16;
/// Of these, from one network: a quarter is always left to the others.
const WORKING_PREFIX: usize = 12;
/// Working or slow ones of one account: where its modules hang, its next login waits for the one before.
const ACCOUNT_MAX: usize = 3;
/// Slow ones and those that wait for a person; each is a process of about 1 MiB.
const ASIDE_MAX: usize = 256;
/// Of these, from one network: a class behind one address.
const ASIDE_PREFIX: usize = 128;
/// Of these, that wait for a person, for one account from one network.
const PERSON_MAX: usize = 4;
/// Logins that wait for their turn.
const WAITING_MAX: usize = 900;
/// Of these, from one network.
const WAITING_PREFIX: usize = 600;
/// The turns of which it is known whose network had them: more than networks can wait, so that those which come again and
/// again are known for it.
const SERVED_MAX: usize = 4096;

/// Where a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its modules work.
    Working,
    /// Its modules have worked for long.
    Slow,
    /// A person is asked.
    Person,
}

/// Numbers of things, none of them 0.
#[derive(Debug)]
struct Count<K>(HashMap<K, usize>);

impl<K> Default for Count<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Count<K> {
    fn of(&self, key: &K) -> usize {
        self.0.get(key).copied().unwrap_or(0)
    }

    fn all(&self) -> usize {
        self.0.values().sum()
    }

    fn add(&mut self, key: &K) {
        *self.0.entry(key.clone()).or_default() += 1;
    }

    fn take(&mut self, key: &K) {
        if let Some(count) = self.0.get_mut(key) {
            *count = count.saturating_sub(1);
        }
        self.0.retain(|_, count| *count > 0);
    }
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    account: LoginName,
    call: SyncSender<()>,
}

/// All places and all queues.
#[derive(Debug, Default)]
pub(super) struct Book {
    working: Count<Prefix>,
    aside: Count<Prefix>,
    persons: Count<Who>,
    accounts: Count<LoginName>,
    /// One queue a network; the first has waited longest since its last turn.
    queues: VecDeque<(Prefix, VecDeque<Waiter>)>,
    last_number: u64,
    /// Turns that there were, from 1.
    turns: usize,
    /// The last turn of each network, those of late.
    served: HashMap<Prefix, usize>,
}

impl Book {
    /// Joins the queue of its network, and is called at once where there is room; `None` where too many wait. Where all
    /// places to wait are taken, one is taken back from a network that has more of them, or had its turn more lately: whoever
    /// waited there finds the other end of `call` gone.
    pub(super) fn wait(&mut self, who: &Who, call: SyncSender<()>) -> Option<u64> {
        let waiting: usize = self.queues.iter().map(|(_, queue)| queue.len()).sum();
        let own =
            self.queues.iter().find(|(prefix, _)| *prefix == who.prefix).map_or(0, |(_, queue)| queue.len());
        if own >= WAITING_PREFIX
            || (waiting >= WAITING_MAX && !self.displace((own + 1, self.last_turn(&who.prefix))))
        {
            return None;
        }
        self.last_number += 1;
        let waiter = Waiter { number: self.last_number, account: who.account.clone(), call };
        match self.queues.iter_mut().find(|(prefix, _)| *prefix == who.prefix) {
            Some((_, queue)) => queue.push_back(waiter),
            None => self.queues.push_back((who.prefix, VecDeque::from([waiter]))),
        }
        self.call();
        Some(self.last_number)
    }

    /// Sends away the last of the longest queue, of the network that was served most lately among equals; false where
    /// whoever comes, with so many waiting and such a last turn, has no better claim.
    fn displace(&mut self, newcomer: (usize, usize)) -> bool {
        let claims = self.queues.iter().map(|(prefix, queue)| (queue.len(), self.last_turn(prefix)));
        let weakest =
            claims.enumerate().max_by_key(|(_, claim)| *claim).filter(|(_, claim)| *claim > newcomer);
        let queue = weakest.and_then(|(at, _)| self.queues.get_mut(at));
        queue.is_some_and(|(_, queue)| queue.pop_back().is_some())
    }

    /// The last turn of a network, 0 for none of late.
    fn last_turn(&self, prefix: &Prefix) -> usize {
        self.served.get(prefix).copied().unwrap_or(0)
    }

    /// Leaves the queue; false where it was called before.
    pub(super) fn forget(&mut self, who: &Who, number: u64) -> bool {
        let Some((_, queue)) = self.queues.iter_mut().find(|(prefix, _)| *prefix == who.prefix) else {
            return false;
        };
        let before = queue.len();
        queue.retain(|waiter| waiter.number != number);
        let left = queue.len() < before;
        self.queues.retain(|(_, queue)| !queue.is_empty());
        left
    }

    /// Goes from one place to another, if there is room.
    pub(super) fn move_to(&mut self, who: &Who, from: Place, to: Place) -> bool {
        let own = usize::from(from != Place::Working);
        let room = self.aside.all() < ASIDE_MAX + own && self.aside.of(&who.prefix) < ASIDE_PREFIX + own;
        let free = to != Place::Person || self.persons.of(who) < PERSON_MAX;
        if to == Place::Working || !room || !free {
            return false;
        }
        self.strike(who, from);
        self.enter(who, to);
        self.call();
        true
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, who: &Who, place: Place) {
        self.strike(who, place);
        self.call();
    }

    fn enter(&mut self, who: &Who, place: Place) {
        match place {
            Place::Working => self.working.add(&who.prefix),
            Place::Slow | Place::Person => self.aside.add(&who.prefix),
        }
        match place {
            Place::Working | Place::Slow => self.accounts.add(&who.account),
            Place::Person => self.persons.add(who),
        }
    }

    fn strike(&mut self, who: &Who, place: Place) {
        match place {
            Place::Working => self.working.take(&who.prefix),
            Place::Slow | Place::Person => self.aside.take(&who.prefix),
        }
        match place {
            Place::Working | Place::Slow => self.accounts.take(&who.account),
            Place::Person => self.persons.take(who),
        }
    }

    /// Calls everybody for whom there is a place. Every second turn goes round among all networks; the others go to the
    /// network whose last turn was longest ago, so that whoever comes seldom does not wait for all who come again and again.
    fn call(&mut self) {
        while self.working.all() < WORKING_MAX {
            let mut possible = self.queues.iter().enumerate().filter(|(_, (prefix, queue))| {
                self.working.of(prefix) < WORKING_PREFIX && self.next(queue).is_some()
            });
            let next = if self.turns.is_multiple_of(2) {
                possible.min_by_key(|(_, (prefix, _))| self.last_turn(prefix))
            } else {
                possible.next()
            };
            let Some((at, _)) = next else { return };
            self.call_one(at);
        }
    }

    fn call_one(&mut self, at: usize) {
        let Some((prefix, mut queue)) = self.queues.remove(at) else { return };
        self.turns += 1;
        self.served.insert(prefix, self.turns);
        if self.served.len() > 2 * SERVED_MAX {
            let old = self.turns.saturating_sub(SERVED_MAX);
            self.served.retain(|_, turn| *turn > old);
        }
        if let Some(waiter) = self.next(&queue).and_then(|next| queue.remove(next)) {
            self.enter(&Who { account: waiter.account, prefix }, Place::Working);
            // Whoever gave up at this moment finds that its number does not wait any more, and takes the place.
            let _called = waiter.call.try_send(());
        }
        if !queue.is_empty() {
            self.queues.push_back((prefix, queue));
        }
    }

    /// The first of a queue whose account has few conversations.
    fn next(&self, queue: &VecDeque<Waiter>) -> Option<usize> {
        queue.iter().position(|waiter| self.accounts.of(&waiter.account) < ACCOUNT_MAX)
    }

    #[cfg(test)]
    pub(super) fn anybody_waits(&self) -> bool {
        !self.queues.is_empty()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.working.all() + self.aside.all() + self.accounts.all() + self.persons.all() + self.queues.len()
            == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    fn who(account: &str, network: u8) -> Who {
        Who { account: account.parse().unwrap(), prefix: std::net::IpAddr::from([10, 0, network, 1]).into() }
    }

    fn join(book: &mut Book, who: &Who) -> Receiver<()> {
        let (call, called) = sync_channel(1);
        book.wait(who, call).unwrap();
        called
    }

    fn is_called(called: &Receiver<()>) -> bool {
        called.try_recv().is_ok()
    }

    #[test]
    fn one_network_leaves_a_quarter_to_the_others() {
        let mut book = Book::default();
        let crowd: Vec<_> = (0..100).map(|n| join(&mut book, &who(&format!("u{n}"), 1))).collect();
        assert_eq!(crowd.iter().filter(|called| is_called(called)).count(), WORKING_PREFIX);
        for n in 0..WORKING_MAX - WORKING_PREFIX {
            assert!(is_called(&join(&mut book, &who(&format!("v{n}"), 2))));
        }
        assert!(!is_called(&join(&mut book, &who("w", 3))));
    }

    #[test]
    fn turns_go_round_among_networks_however_long_their_queues_are() {
        let mut book = Book::default();
        let crowd: Vec<_> = (0..50).map(|n| who(&format!("u{n}"), 1)).collect();
        let called: Vec<_> = crowd.iter().map(|one| join(&mut book, one)).collect();
        let others: Vec<_> = (2..10).map(|network| who("v", network)).collect();
        let _first: Vec<_> = (0..4).map(|n| join(&mut book, &who(&format!("w{n}"), 20))).collect();
        let late: Vec<_> = others.iter().map(|one| join(&mut book, one)).collect();
        assert!(!late.iter().any(is_called));
        // Two places of the crowd become free: one goes to the crowd itself at most.
        for one in crowd.iter().zip(&called).filter(|(_, called)| is_called(called)).take(4) {
            book.leave(one.0, Place::Working);
        }
        assert!(late.iter().filter(|called| is_called(called)).count() >= 3);
    }

    /// A book in which all work and these networks wait, each with so many logins and after a turn of its own.
    fn besieged(networks: u16, each: usize) -> (Book, Vec<Who>, Vec<Receiver<()>>) {
        let mut book = Book::default();
        let of = |n: u16| {
            let [high, low] = n.to_be_bytes();
            Who {
                account: format!("n{n}").parse().unwrap(),
                prefix: std::net::IpAddr::from([11, high, low, 1]).into(),
            }
        };
        for n in 0..networks {
            assert!(is_called(&join(&mut book, &of(n))));
            book.leave(&of(n), Place::Working);
        }
        let busy: Vec<Who> =
            (0..WORKING_MAX).map(|n| who(&format!("b{n}"), u8::try_from(n).unwrap())).collect();
        assert!(busy.iter().all(|one| is_called(&join(&mut book, one))));
        let waiting = (0..networks)
            .flat_map(|n| std::iter::repeat_n(n, each))
            .map(|n| join(&mut book, &of(n)))
            .collect();
        (book, busy, waiting)
    }

    #[test]
    fn who_comes_seldom_does_not_wait_for_all_who_come_again_and_again() {
        let (mut book, busy, waiting) = besieged(600, 1);
        let seldom = join(&mut book, &who("alice", 200));
        book.leave(&busy[0], Place::Working);
        book.leave(&busy[1], Place::Working);
        assert!(is_called(&seldom));
        assert_eq!(waiting.iter().filter(|one| is_called(one)).count(), 1, "the others' turns go on");
    }

    #[test]
    fn where_all_places_to_wait_are_taken_one_is_taken_back_from_who_has_more() {
        let (mut book, busy, waiting) = besieged(300, WAITING_MAX / 300);
        let last = |receivers: &[Receiver<()>]| {
            receivers
                .iter()
                .filter(|one| one.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected))
                .count()
        };
        let seldom = join(&mut book, &who("alice", 200));
        assert_eq!(last(&waiting), 1);
        for one in &busy[..2] {
            book.leave(one, Place::Working);
        }
        assert!(is_called(&seldom));
        let (mut book, _busy, waiting) = besieged(900, 1);
        join(&mut book, &who("alice", 200));
        let again = book.wait(&who("bob", 200), sync_channel(1).0);
        assert!(again.is_none(), "a network with one that waits has no better claim than any other");
        assert_eq!(last(&waiting), 1);
    }

    #[test]
    fn what_is_known_of_turns_is_bounded() {
        let (book, _, _) = besieged(20_000, 0);
        assert!(book.served.len() <= 2 * SERVED_MAX, "{}", book.served.len());
    }

    #[test]
    fn an_account_whose_modules_hang_waits_for_itself() {
        let mut book = Book::default();
        let alice = who("alice", 1);
        let all: Vec<_> = (0..10).map(|_| join(&mut book, &alice)).collect();
        assert_eq!(all.iter().filter(|called| is_called(called)).count(), ACCOUNT_MAX);
        for _ in 0..ACCOUNT_MAX {
            assert!(book.move_to(&alice, Place::Working, Place::Slow));
        }
        assert!(!all.iter().any(is_called), "slow ones count");
        assert!(is_called(&join(&mut book, &who("bob", 1))));
        book.leave(&alice, Place::Slow);
        assert_eq!(all.iter().filter(|called| is_called(called)).count(), 1);
    }

    #[test]
    fn there_is_room_aside_for_many_and_one_network_cannot_take_it_all() {
        let mut book = Book::default();
        for n in 0..ASIDE_PREFIX {
            let one = who(&format!("u{n}"), 1);
            assert!(is_called(&join(&mut book, &one)));
            assert!(book.move_to(&one, Place::Working, Place::Person));
        }
        let one = who("more", 1);
        assert!(is_called(&join(&mut book, &one)));
        assert!(!book.move_to(&one, Place::Working, Place::Person));
        let other = who("other", 2);
        assert!(is_called(&join(&mut book, &other)));
        assert!(book.move_to(&other, Place::Working, Place::Slow));
        assert!(book.move_to(&other, Place::Slow, Place::Person), "its own place counts as free");
        let again = who("other", 2);
        for _ in 1..PERSON_MAX {
            assert!(is_called(&join(&mut book, &again)));
            assert!(book.move_to(&again, Place::Working, Place::Person));
        }
        assert!(is_called(&join(&mut book, &again)));
        assert!(!book.move_to(&again, Place::Working, Place::Person));
    }

    #[test]
    fn queues_are_bounded_and_whoever_leaves_one_is_forgotten() {
        let mut book = Book::default();
        let mut waiting = 0;
        let called: Vec<_> = (0..2000)
            .map_while(|n| {
                let (call, called) = sync_channel(1);
                book.wait(&who(&format!("u{n}"), 1), call).map(|number| (number, called))
            })
            .inspect(|_| waiting += 1)
            .collect();
        assert_eq!(waiting, WORKING_PREFIX + WAITING_PREFIX);
        let (last, _) = called.last().unwrap();
        let name = format!("u{}", waiting - 1);
        assert!(book.forget(&who(&name, 1), *last));
        assert!(!book.forget(&who(&name, 1), *last));
        assert!(!book.forget(&who("u0", 1), 1), "it was called");
        join(&mut book, &who("one", 1));
    }
}
