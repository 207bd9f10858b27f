use super::*;
use crate::rules::limits::{Cap, HourlyCap};
use crate::rules::pack::{self, Pack};

fn rules(packs: &[&str], limits: &Limits) -> Result<Rules, Invalid> {
    let packs: Vec<String> = packs.iter().map(|name| (*name).to_owned()).collect();
    Rules::of(&packs, limits, "UTC")
}

fn denied(rules: &Rules, number: &str) -> Option<String> {
    rules.denies(&Dialable::parse(number, None).unwrap()).map(str::to_owned)
}

#[test]
fn every_pack_of_the_product_can_be_used() {
    for pack in Pack::all() {
        let rules = rules(&[&pack.id], &Limits::default()).unwrap();
        assert_eq!((&rules.parts[0].name, &rules.parts[0].version), (&pack.id, &pack.version));
        for field in pack.cites.keys() {
            let limits = toml::Value::try_from(&pack.limits).unwrap();
            let rests = [
                ("after_abandoned_hours", pack.after_abandoned_hours),
                ("after_machine_hours", pack.after_machine_hours),
            ];
            let rest = rests.iter().any(|(name, hours)| name == field && *hours > 0);
            assert!(rest || limits.get(field).is_some(), "{} cites {field}, which it does not limit", pack.id);
        }
    }
    assert!(rules(&[pack::UNRESTRICTED], &Limits::default()).unwrap().is_unrestricted());
    assert!(!rules(&[pack::DEFAULT], &Limits::default()).unwrap().is_unrestricted());
}

#[test]
fn the_default_pack_denies_satellites_and_premium_rates() {
    let default = rules(&[pack::DEFAULT], &Limits::default()).unwrap();
    for (number, prefix) in [
        ("+881612345678", Some("+881")),
        ("+870773111632", Some("+870")),
        ("+19005551234", Some("+1900")),
        ("+447011234567", None),
        ("+449098790000", Some("+449")),
        ("+34806123456", Some("+34806")),
        ("+34911234567", None),
        ("+12125550100", None),
        // Written as it is dialled from abroad, or without its +.
        ("00881612345678", Some("+881")),
        ("01119005551234", Some("+1900")),
        ("19005551234", Some("+1900")),
        ("8701", None),
    ] {
        assert_eq!(denied(&default, number).as_deref(), prefix, "{number}");
    }
    let unrestricted = rules(&[pack::UNRESTRICTED], &Limits::default()).unwrap();
    assert_eq!(denied(&unrestricted, "+19005551234"), None);
}

#[test]
fn a_campaign_denies_more_and_allows_what_a_pack_denies() {
    let limits = Limits {
        deny: vec!["+3491".into()],
        allow: vec!["+34911".into(), "+870".into(), "+34806".into()],
        ..Limits::default()
    };
    let own = rules(&[pack::DEFAULT], &limits).unwrap();
    assert_eq!(denied(&own, "+34921234567"), None);
    assert_eq!(denied(&own, "+34912234567").as_deref(), Some("+3491"));
    assert_eq!(denied(&own, "+34911234567"), None);
    assert_eq!(denied(&own, "+870773111632"), None);
    assert_eq!(denied(&own, "+34806123456"), None);
    assert_eq!(denied(&own, "+34803123456").as_deref(), Some("+34803"));
}

#[test]
fn packs_that_make_no_sense_are_refused() {
    let refused = |packs: &[&str]| rules(packs, &Limits::default()).unwrap_err();
    assert_eq!(refused(&[]).field, "packs");
    assert_eq!(refused(&["us"]).problem, "there is no pack \"us\": there are default, uk, unrestricted");
    assert_eq!(refused(&["default", "default"]).problem, "names default twice");
    assert!(refused(&["default", "unrestricted"]).problem.contains("stands alone"));
}

#[test]
fn limits_out_of_range_are_refused_by_field() {
    let field = |limits: Limits| rules(&["default"], &limits).unwrap_err().field;
    let cap = |attempts, hours| vec![Cap { attempts, hours, by: CapBy::Number }];
    assert_eq!(field(Limits { caps: cap(0, 24), ..Limits::default() }), "limits.caps[0].attempts");
    assert_eq!(field(Limits { caps: cap(51, 24), ..Limits::default() }), "limits.caps[0].attempts");
    assert_eq!(field(Limits { caps: cap(1, 2_161), ..Limits::default() }), "limits.caps[0].hours");
    assert_eq!(field(Limits { deny: vec!["870".into()], ..Limits::default() }), "limits.deny[0]");
    assert_eq!(field(Limits { allow: vec!["+".into()], ..Limits::default() }), "limits.allow[0]");
    let both = Limits { allow: vec!["+1".into()], deny: vec!["+1".into()], ..Limits::default() };
    assert_eq!(field(both), "limits.allow[0]");
    let hourly = vec![HourlyCap { prefix: "+53".into(), calls: 0 }];
    assert_eq!(field(Limits { hourly, ..Limits::default() }), "limits.hourly[0].calls");
    assert_eq!(field(Limits { min_ring_s: 121, ..Limits::default() }), "limits.min_ring_s");
    assert_eq!(field(Limits { cooldown_hours: 2_161, ..Limits::default() }), "limits.cooldown_hours");
    assert!(Rules::of(&["default".to_owned()], &Limits::default(), "Mars").is_err_and(|error| error.field == "zone"));
}

#[test]
fn in_the_united_kingdom_who_was_abandoned_rests_for_three_days_and_a_machine_for_one() {
    let uk = rules(&[pack::DEFAULT, "uk"], &Limits::default()).unwrap();
    let ended = Timestamp(1_795_262_400_000_000);
    let hours = |hours: i64| ended.plus_seconds(hours * 3_600);
    let abandoned = Calls { abandoned_at: Some(ended), ..Calls::NONE };
    let machine = Calls { machine_at: Some(ended), ..Calls::NONE };
    let until = |number: &Calls, person: &Calls, now| uk.cooled_down_at(number, person, now);
    assert_eq!(until(&abandoned, &Calls::NONE, ended), Some(hours(72)));
    assert_eq!(until(&Calls::NONE, &abandoned, hours(71)), Some(hours(72)), "on another number of theirs, too");
    assert_eq!(until(&abandoned, &Calls::NONE, hours(72)), None);
    assert_eq!(until(&machine, &Calls::NONE, hours(23)), Some(hours(24)));
    assert_eq!(until(&machine, &Calls::NONE, hours(24)), None);
    assert_eq!(until(&machine, &abandoned, ended), Some(hours(72)), "the longer one");
    // Whoever does not name the pack, and a conversation, which rests as the campaign says.
    let default = rules(&[pack::DEFAULT], &Limits::default()).unwrap();
    assert_eq!(default.cooled_down_at(&abandoned, &machine, ended), None);
    let talked = Calls { conversation_at: Some(ended), ..Calls::NONE };
    assert_eq!(until(&talked, &Calls::NONE, ended), None);
    assert_eq!(uk.min_ring_s(), 15);
}
