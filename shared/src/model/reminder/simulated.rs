//! A year of reminders that a test clock drives, sweep by sweep: with daylight saving and without, a leap day, an outage and a restart.

#[cfg(test)]
mod tests {
    use super::super::*;
    use crate::json::{from_json, to_json};
    use crate::model::date::Date;
    use crate::model::diff::change;
    use crate::model::snapshot::Seen;
    use crate::model::stage_age::StageAgeThresholds;
    use crate::testing::a_ticket;
    use std::collections::BTreeMap;
    use std::sync::LazyLock;
    use std::time::Duration;

    const SWEEPS: Duration = Duration::from_mins(10);
    /// From 1 July 2027 to 30 June 2028: clocks change in Sydney on 3 October 2027 and on 2 April 2028.
    const DAYS: i16 = 366;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A ticket, its reminders that wait, and what was published.
    struct World {
        now: Timestamp,
        snapshot: Snapshot,
        /// By their time, as the index has them.
        waiting: BTreeMap<(Timestamp, ReminderKey), Reminder>,
        /// By key: when it was published, when it was due, and how late it said that it is.
        published: BTreeMap<String, (Timestamp, Timestamp, u64)>,
        /// The same events, in their order.
        order: Vec<(Timestamp, Timestamp)>,
    }

    impl World {
        fn new(reminders: Vec<Reminder>) -> Self {
            let seen = Seen::without_fields(a_ticket().ticket(), "d");
            let snapshot = change(None, Some(seen), false).unwrap().snapshot;
            let now = at("2027-07-01T00:00:00Z");
            let waiting = reminders.into_iter().map(|reminder| (place(&reminder), reminder)).collect();
            Self { now, snapshot, waiting, published: BTreeMap::new(), order: Vec::new() }
        }

        fn sweep(&mut self) {
            let found = self.waiting.iter().take_while(|((due_at, _), _)| *due_at <= self.now);
            let found: Vec<Reminder> = found.map(|(_, reminder)| reminder.clone()).collect();
            let (change, due) = apply(&found, Some(&self.snapshot), None, self.now);
            for event in change.iter().flat_map(|change| &change.kind) {
                let EventKind::ReminderDue { key, due_at, late_by, .. } = event else { panic!("{event:?}") };
                let before = self.published.insert(key.to_string(), (self.now, *due_at, *late_by));
                assert_eq!(before, None, "{key} twice");
                self.order.push((self.now, *due_at));
            }
            for ended in due {
                self.waiting.remove(&place(ended));
            }
            if let Some(change) = change {
                self.snapshot = change.snapshot;
            }
        }

        fn sweep_until(&mut self, end: Timestamp) {
            while self.now < end {
                self.now = self.now.later(SWEEPS);
                self.sweep();
            }
        }

        /// What a deployment leaves: the stored form.
        fn restart(&mut self) {
            for reminder in self.waiting.values_mut() {
                *reminder = from_json(to_json(reminder).as_bytes()).unwrap();
            }
            self.snapshot = from_json(to_json(&self.snapshot).as_bytes()).unwrap();
        }
    }

    fn place(reminder: &Reminder) -> (Timestamp, ReminderKey) {
        (reminder.due_at(None).unwrap(), reminder.key.clone())
    }

    /// A reminder for each day of the year, at this time of day.
    fn daily(zone: Zone, name: &str, time: &str) -> Vec<Reminder> {
        let of = |days: i16| Reminder {
            key: format!("{name}-{days}").parse().unwrap(),
            when: Day::of_event(zone).plus_days(days).at(time.parse().unwrap()).into(),
            only_while: OnlyWhile::default(),
            event_at: at("2027-07-01T00:00:00Z"),
            set_at: at("2027-07-01T00:00:00Z"),
            set_by: "h".to_owned(),
            action: "e.h.0".parse().unwrap(),
            speed: Speed::default(),
        };
        (1..DAYS).map(of).collect()
    }

    static A_YEAR: LazyLock<World> = LazyLock::new(a_year);

    fn a_year() -> World {
        let sydney = daily(Zone::Sydney, "sydney", "09:00");
        let night = daily(Zone::Sydney, "night", "02:30");
        let brisbane = daily(Zone::Brisbane, "brisbane", "09:00");
        let mut world = World::new([sydney, night, brisbane].concat());
        world.sweep_until(at("2027-12-31T00:00:00Z"));
        world.restart();
        world.sweep_until(at("2028-02-27T00:00:00Z"));
        world.now = at("2028-03-01T00:00:00Z"); // nothing ran for three days
        world.sweep();
        world.sweep_until(at("2028-07-02T00:00:00Z"));
        world
    }

    fn is_of_outage(now: Timestamp) -> bool {
        now >= at("2028-03-01T00:00:00Z") && now < at("2028-03-01T01:00:00Z")
    }

    #[test]
    fn each_of_a_years_reminders_comes_once_and_within_a_sweep_unless_nothing_ran() {
        let world = &*A_YEAR;
        assert_eq!((world.published.len(), world.waiting.len()), (3 * (366 - 1), 0));
        for (key, (now, due_at, late_by)) in &world.published {
            assert_eq!(*late_by, now.since(*due_at).as_secs(), "{key}");
            assert!(now.since(*due_at) < SWEEPS || is_of_outage(*now), "{key}");
        }
        let late: Vec<Timestamp> =
            world.order.iter().filter(|(now, _)| is_of_outage(*now)).map(|(_, due_at)| *due_at).collect();
        assert_eq!(late.len(), 9, "three of each of three days");
        assert!(late.is_sorted(), "the oldest first");
        let days = |key: &str| world.published[key].2 / 86_400;
        assert_eq!((days("brisbane-242"), days("brisbane-243"), days("brisbane-244")), (2, 1, 0));
    }

    #[test]
    fn nine_o_clock_moves_in_utc_in_sydney_and_not_in_brisbane() {
        let world = &*A_YEAR;
        let mut hours: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for (key, (_, due_at, _)) in &world.published {
            let zone = key.split('-').next().unwrap();
            *hours.entry((zone, due_at.to_string()[11..16].to_owned())).or_default() += 1;
        }
        let of = |zone: &str, time: &str| hours.get(&(zone, time.to_owned())).copied().unwrap_or_default();
        assert_eq!(of("brisbane", "23:00"), 365);
        // From 3 October to 1 April, 182 days, it is an hour earlier.
        assert_eq!((of("sydney", "22:00"), of("sydney", "23:00")), (182, 365 - 182));
        // 2:30 does not exist on 3 October and is half an hour before 3:30 then; of the two on 2 April, it is the first.
        assert_eq!((of("night", "15:30"), of("night", "16:30")), (182, 365 - 182));
    }

    #[test]
    fn the_leap_day_is_a_day_like_the_others() {
        let world = &*A_YEAR;
        let dates: Vec<Date> = ["sydney-242", "sydney-243", "sydney-244"]
            .map(|key| Zone::Sydney.date_of(world.published[key].1).unwrap())
            .into();
        assert_eq!(dates, ["2028-02-28", "2028-02-29", "2028-03-01"].map(|day| day.parse().unwrap()));
    }

    /// A ticket that does not move for a year, with thresholds of each tenth day.
    #[test]
    fn a_years_stage_ages_come_once_each_across_a_restart_and_an_outage() {
        let each_tenth: Vec<u16> = (10..=360).step_by(10).collect();
        let days: Vec<String> = each_tenth.iter().map(ToString::to_string).collect();
        let thresholds: StageAgeThresholds = days.join(",").parse().unwrap();
        let mut world = World::new(Vec::new());
        let mut passed = Vec::new();
        let end = world.now.later(Duration::from_hours(24 * 366));
        while world.now < end {
            let change = thresholds.apply(Some(&world.snapshot), None, world.now);
            if let Some(change) = change {
                let aged = change.kind.iter().filter_map(|kind| match kind {
                    EventKind::StageAged { days, .. } => Some(*days),
                    _ => None,
                });
                passed.extend(aged);
                world.snapshot = change.snapshot;
            }
            world.restart();
            // Three days without a check, once in a while.
            let gap = if passed.len() % 7 == 3 { Duration::from_hours(72) } else { Duration::from_hours(6) };
            world.now = world.now.later(gap);
        }
        assert_eq!(passed, each_tenth);
    }
}
