//! Every order of steps, with a crash at any one call: the version in use always works, and the four steps in order still
//! lead to a new one. Then single stories of a rotation that hangs.

use super::*;
use automations::aws::secret::{self, Access};
use automations::futures::executor::block_on;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

const STEPS: [Step; 4] = [Step::CreateSecret, Step::SetSecret, Step::TestSecret, Step::FinishSecret];
/// In use at first.
const FIRST: u64 = 0;
/// Staged for rotation.
const STAGED: u64 = 1;
/// Not staged: unknown, or of a rotation that was cancelled.
const UNSTAGED: u64 = 2;
/// The first version that something else than a rotation stores.
const STORED: u64 = 100;
const LOST: rotation::Error = rotation::Error::RequestFailed("respond");

/// The parts of Secrets Manager and Salestrekker that a rotation needs. A token is identified by its expiry.
struct World {
    versions: RefCell<BTreeMap<u64, ApiToken>>,
    current: Cell<u64>,
    pending: Cell<Option<u64>>,
    /// The version of the key, and the access in it.
    key: Cell<(u64, Access)>,
    given: Cell<u64>,
    revoked: RefCell<BTreeSet<u64>>,
    is_down: Cell<bool>,
    calls: Cell<u32>,
    /// The call at which the function crashes, and whether the call takes effect all the same.
    crash: (u32, bool),
}

impl World {
    fn new(crash: (u32, bool)) -> Self {
        let world = Self {
            versions: RefCell::default(),
            current: Cell::new(FIRST),
            pending: Cell::new(Some(STAGED)),
            key: Cell::new((1, Access::ReadOnly)),
            given: Cell::new(0),
            revoked: RefCell::default(),
            is_down: Cell::new(false),
            calls: Cell::new(0),
            crash,
        };
        let first = world.token();
        world.versions.borrow_mut().insert(FIRST, first);
        world
    }

    /// Makes a call, unless it is the one at which the function crashes.
    fn call<T, E>(&self, lost: E, effect: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.calls.set(self.calls.get().saturating_add(1));
        match self.crash {
            (at, false) if at == self.calls.get() => Err(lost),
            (at, true) if at == self.calls.get() => effect().and(Err(lost)),
            _ => effect(),
        }
    }

    fn key(&self) -> Credential {
        let (version, access) = self.key.get();
        let text = r#"{"endpoint": "https://a.example.com", "api_key": "k"}"#;
        let key: Credential = secret::parse(&text.into()).unwrap();
        Credential { access, version: Some(version.to_string()), ..key }
    }

    /// A token that Salestrekker gives now.
    fn token(&self) -> ApiToken {
        self.given.set(self.given.get().saturating_add(1));
        ApiToken { expires: Some(self.given.get()), ..ApiToken::of(&self.key(), "t".into()) }
    }

    fn accepts(&self, token: &ApiToken) -> bool {
        let number = token.expires.unwrap();
        number <= self.given.get() && !self.revoked.borrow().contains(&number)
    }

    /// Stores a version of its own, without a label.
    fn stored(&self, token: ApiToken) -> u64 {
        let mut versions = self.versions.borrow_mut();
        let version = versions.keys().last().map_or(STORED, |last| STORED.max(last.saturating_add(1)));
        versions.insert(version, token);
        version
    }

    fn in_use(&self) -> ApiToken {
        self.versions.borrow()[&self.current.get()].clone()
    }

    fn number_in_use(&self) -> u64 {
        self.in_use().expires.unwrap()
    }

    fn step(&self, step: Step, version: u64) -> Result<(), Error> {
        block_on(rotate(step, &At(self, version, self.current.get()), self))
    }

    /// The steps as Secrets Manager takes them: it stops at one that fails.
    fn rotated(&self) -> Result<(), Error> {
        STEPS.into_iter().try_for_each(|step| self.step(step, STAGED))
    }

    /// Whether Secrets Manager would start another rotation (its API Reference, `RotateSecret`).
    fn is_at_rest(&self) -> bool {
        self.pending.get().is_none_or(|pending| pending == self.current.get())
    }
}

/// A version, and the one that was in use when the step began.
struct At<'a>(&'a World, u64, u64);

impl At<'_> {
    fn make_current(&self, version: u64) -> Result<(), rotation::Error> {
        if self.0.current.get() != self.2 {
            return Err(rotation::Error::RequestFailed("move AWSCURRENT"));
        }
        self.0.current.set(version);
        Ok(())
    }
}

impl Version for At<'_> {
    fn stage(&self) -> Result<VersionStage, rotation::Error> {
        match self.1 {
            version if version == self.0.current.get() => Ok(VersionStage::Current),
            version if Some(version) == self.0.pending.get() => Ok(VersionStage::Pending),
            _ => Err(rotation::Error::NotPending),
        }
    }

    async fn credential(&self) -> Result<Credential, rotation::Error> {
        self.0.call(LOST, || Ok(self.0.key()))
    }

    async fn current(&self) -> Result<Option<ApiToken>, rotation::Error> {
        self.0.call(LOST, || Ok(Some(self.0.in_use())))
    }

    async fn pending(&self) -> Result<Option<ApiToken>, rotation::Error> {
        self.0.call(LOST, || Ok(self.0.versions.borrow().get(&self.1).cloned()))
    }

    async fn store(&self, token: &ApiToken) -> Result<(), rotation::Error> {
        self.0.call(LOST, || {
            // A version's value is written once (AWS Secrets Manager API Reference, `PutSecretValue`).
            self.0.versions.borrow_mut().entry(self.1).or_insert_with(|| token.clone());
            Ok(())
        })
    }

    async fn promote(&self) -> Result<(), rotation::Error> {
        self.0.call(LOST, || self.make_current(self.1))
    }

    async fn replace(&self, token: &ApiToken) -> Result<(), rotation::Error> {
        let version = self.0.call(LOST, || Ok(self.0.stored(token.clone())))?;
        self.0.call(LOST, || self.make_current(version))?;
        self.0.call(LOST, || {
            self.0.pending.set(None);
            Ok(())
        })
    }
}

impl Vendor for World {
    async fn sign_in(&self, _: &Credential) -> Result<ApiToken, salestrekker::Error> {
        self.call(salestrekker::Error::OutcomeUnknown, || Ok(self.token()))
    }

    async fn try_token(&self, token: &ApiToken) -> Result<(), salestrekker::Error> {
        let down = || salestrekker::Error::Unavailable { why: "it is down" };
        self.call(down(), || match (self.is_down.get(), self.accepts(token)) {
            (true, _) => Err(down()),
            (false, true) => Ok(()),
            (false, false) => Err(salestrekker::Error::CredentialRefused),
        })
    }
}

/// Every sequence of this many steps, for either version.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the digits of a small number, in a base that is not zero"
)]
fn sequences(length: u32) -> impl Iterator<Item = Vec<(Step, u64)>> {
    let all: Vec<(Step, u64)> =
        STEPS.into_iter().flat_map(|step| [(step, STAGED), (step, UNSTAGED)]).collect();
    (0..all.len().pow(length))
        .map(move |number| (0..length).map(|place| all[number / all.len().pow(place) % all.len()]).collect())
}

#[test]
fn the_version_in_use_always_works_whatever_the_order_and_wherever_it_crashes() {
    for sequence in sequences(4) {
        for crash in (0..14).flat_map(|call| [(call, false), (call, true)]) {
            let world = World::new(crash);
            let works = || world.accepts(&world.in_use());
            for (step, version) in &sequence {
                let result = world.step(*step, *version);
                assert!(works(), "{sequence:?} {crash:?}");
                assert!(world.current.get() != UNSTAGED && (*version != UNSTAGED || result.is_err()));
            }
            // Secrets Manager takes the steps again, the crash being over at the latest in the second round.
            for step in [STEPS, STEPS].concat() {
                let _ = world.step(step, STAGED);
                assert!(works(), "{sequence:?} {crash:?}");
            }
            assert!(world.current.get() != FIRST && world.is_at_rest(), "{sequence:?} {crash:?}");
        }
    }
}

#[test]
fn a_step_that_is_repeated_does_nothing_new() {
    let world = World::new((0, false));
    for step in STEPS {
        world.step(step, STAGED).unwrap();
        world.step(step, STAGED).unwrap();
    }
    assert_eq!((world.given.get(), world.current.get()), (2, STAGED));
}

/// F12 of the field faults, first sample: the token is revoked after `createSecret`, and Secrets Manager attempts the rotation
/// again with the same version.
#[test]
fn a_pending_token_that_salestrekker_revoked_is_replaced_by_a_new_one() {
    let world = World::new((0, false));
    world.step(Step::CreateSecret, STAGED).unwrap();
    world.revoked.borrow_mut().insert(2);
    world.rotated().unwrap();
    assert_eq!(world.number_in_use(), 3);
    assert!(world.is_at_rest());
}

/// F12 of the field faults, second sample.
#[test]
fn a_pending_token_of_an_older_key_is_never_promoted() {
    let world = World::new((0, false));
    world.step(Step::CreateSecret, STAGED).unwrap();
    world.key.set((2, Access::ReadOnly));
    world.rotated().unwrap();
    assert_eq!(world.number_in_use(), 3);
    assert_eq!(world.in_use().key_version.as_deref(), Some("2"));
    assert!(world.is_at_rest());
}

/// B4 of the AWS facts: `access` crashed after it had stored the key, beside a pending version.
#[test]
fn a_rotation_gives_no_more_access_than_was_set_since_it_began() {
    for [before, after] in [[Access::ReadWrite, Access::ReadOnly], [Access::ReadOnly, Access::ReadWrite]] {
        let world = World::new((0, false));
        world.key.set((1, before));
        world.step(Step::CreateSecret, STAGED).unwrap();
        world.key.set((2, after));
        world.rotated().unwrap();
        assert_eq!(world.in_use().access, after);
    }
}

/// B4 of the AWS facts: `renew` crashed before it had removed AWSPENDING, or a person stored a token in the console.
#[test]
fn a_pending_token_older_than_the_one_in_use_is_never_promoted() {
    let world = World::new((0, false));
    world.step(Step::CreateSecret, STAGED).unwrap();
    let newer = world.token();
    world.current.set(world.stored(newer));
    world.rotated().unwrap();
    assert_eq!(world.number_in_use(), 4, "2 was pending, 3 is in use");
    assert!(world.is_at_rest());
}

/// B4 of the AWS facts: `access` stores the key and the token while the last step waits for Salestrekker.
#[test]
fn what_is_stored_while_the_last_step_runs_is_not_overwritten() {
    for is_revoked in [false, true] {
        let world = World::new((0, false));
        world.step(Step::CreateSecret, STAGED).unwrap();
        if is_revoked {
            world.revoked.borrow_mut().insert(2);
        }
        let began = At(&world, STAGED, world.current.get());
        let restricted = ApiToken { access: Access::WriteOnly, ..world.in_use() };
        world.current.set(world.stored(restricted));
        assert!(block_on(rotate(Step::FinishSecret, &began, &world)).is_err());
        assert_eq!(world.in_use().access, Access::WriteOnly, "revoked: {is_revoked}");
    }
}

#[test]
fn an_outage_of_salestrekker_replaces_nothing() {
    let world = World::new((0, false));
    world.step(Step::CreateSecret, STAGED).unwrap();
    world.is_down.set(true);
    for step in [Step::TestSecret, Step::FinishSecret] {
        assert!(matches!(world.step(step, STAGED), Err(Error::Salestrekker(_))), "{step:?}");
    }
    world.is_down.set(false);
    world.rotated().unwrap();
    assert_eq!((world.number_in_use(), world.current.get()), (2, STAGED));
}

#[test]
fn nothing_is_promoted_that_salestrekker_refuses() {
    let world = World::new((0, false));
    world.step(Step::CreateSecret, STAGED).unwrap();
    world.revoked.borrow_mut().extend([2, 3]);
    assert!(matches!(world.step(Step::FinishSecret, STAGED), Err(Error::Salestrekker(_))));
    assert_eq!((world.number_in_use(), world.pending.get()), (1, Some(STAGED)));
}

/// A version that an earlier release stored does not say which key its token is of.
#[test]
fn a_pending_token_of_an_unknown_key_is_replaced() {
    let world = World::new((0, false));
    let unknown = ApiToken { key_version: None, ..world.token() };
    world.versions.borrow_mut().insert(STAGED, unknown);
    world.rotated().unwrap();
    assert_eq!(world.number_in_use(), 3);
}
