//! Buckets in zones, against jiff's own calendar.

use jiff::{ToSpan, Unit, civil::Weekday};

use super::*;

const ALL: [Every; 6] = [
    Every::Hour,
    Every::Day,
    Every::Week,
    Every::Month,
    Every::Quarter,
    Every::Year,
];

#[test]
fn a_bucket_begins_where_the_calendar_says() {
    let zone = TimeZone::get("America/New_York").unwrap();
    let mut at: Timestamp = "2012-12-30T03:17:00Z".parse().unwrap();
    let clocks = ALL.map(|every| Clock::new(every, "America/New_York", Type::Timestamptz));
    for _ in 0..3000 {
        let us = at.as_microsecond() - EPOCH_US;
        let local = at.to_zoned(zone.clone());
        for (every, clock) in ALL.iter().zip(&clocks) {
            let mut bucketed = Bucketed::default();
            clock.fill(&Column::Integer(vec![us]), &mut bucketed);
            let bucket = bucketed.buckets[0];
            let date = local.date();
            let first = match every {
                Every::Hour => {
                    let hour = at.round(
                        jiff::TimestampRound::new()
                            .smallest(Unit::Hour)
                            .mode(jiff::RoundMode::Floor),
                    );
                    assert_eq!(bucket.start, hour.unwrap().as_microsecond() - EPOCH_US);
                    continue;
                }
                Every::Day => date,
                Every::Week => date.tomorrow().unwrap().nth_weekday(-1, Weekday::Monday).unwrap(),
                Every::Month => date.first_of_month(),
                Every::Quarter => jiff::civil::date(date.year(), (date.month() - 1) / 3 * 3 + 1, 1),
                Every::Year => date.first_of_year(),
            };
            let days = jiff::civil::date(2000, 1, 1).until(first).unwrap().get_days();
            assert_eq!(bucket.start, i64::from(days) * DAY_US, "{every:?} of {local}");
            assert_eq!(
                start_of(*every, bucket.number),
                bucket.start,
                "{every:?} of {local}"
            );
        }
        at += 7.hours().minutes(13);
    }
}
