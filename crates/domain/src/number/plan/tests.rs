use super::*;
use proptest::prelude::*;

/// Countries with prefixes of every kind: none, one digit, several, replaced by something else, codes that many share.
const COUNTRIES: [&str; 24] = [
    "IT", "US", "CA", "BS", "GB", "DE", "FR", "ES", "AR", "BR", "MX", "RU", "KZ", "IN", "CN", "AU", "JP", "HU", "LT",
    "CL", "CO", "UY", "SM", "GG",
];

/// What the parser alone makes of it, without our own country for a number that names another one.
fn asked(dialled: &str, country: Option<&str>) -> Option<String> {
    if dialled.starts_with('+') {
        return parsed(dialled, None);
    }
    let country = country?;
    let home = Home::of(country).unwrap();
    match home.behind_international_prefix(dialled) {
        Some(rest) => parsed(&format!("+{rest}"), None),
        None => parsed(dialled, country.parse().ok()),
    }
}

#[test]
fn what_is_decided_here_is_what_the_parser_says_of_every_countrys_examples() {
    let mut decided = 0;
    let mut all = 0;
    for meta in DATABASE.iter() {
        let kinds = meta.descriptors();
        let kinds =
            [Some(kinds.general()), kinds.fixed_line(), kinds.mobile(), kinds.toll_free(), kinds.premium_rate()];
        for example in kinds.into_iter().flatten().filter_map(|kind| kind.example()) {
            let whole = format!("+{}{example}", meta.country_code());
            let with_prefix = format!("{}{example}", meta.national_prefix().unwrap_or_default());
            let country = Some(meta.id()).filter(|id| id.parse::<Id>().is_ok());
            for text in [whole.as_str(), &with_prefix, example, &whole[1..], &format!("00{}", &whole[1..])] {
                assert_eq!(e164(text, country), asked(text, country), "{text} in {country:?}");
            }
            all += 1;
            decided += usize::from(abroad(&whole).is_some());
        }
    }
    assert!(all > 500 && decided * 10 > all * 9, "{decided} of {all}");
}

#[test]
fn another_countrys_number_keeps_what_is_a_prefix_here() {
    for (text, country, whole) in [
        ("+8613912345678", "US", "+8613912345678"),
        ("0118613912345678", "US", "+8613912345678"),
        ("+390669820001", "DE", "+390669820001"),
        ("00390669820001", "DE", "+390669820001"),
        ("00390669820001", "IT", "+390669820001"),
        ("03012345678", "DE", "+493012345678"),
    ] {
        assert_eq!(e164(text, Some(country)).as_deref(), Some(whole), "{text} in {country}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_is_decided_here_is_what_the_parser_says(
        digits in "(0{0,3})[0-9]{1,16}",
        plus in "[+]?",
        code in proptest::option::of(0..COUNTRIES.len()),
        country in proptest::option::of(0..COUNTRIES.len()),
    ) {
        let code = code.and_then(|code| Some(DATABASE.by_id(COUNTRIES[code])?.country_code().to_string()));
        let text = format!("{plus}{}{digits}", code.unwrap_or_default());
        let country = country.map(|country| COUNTRIES[country]);
        prop_assert_eq!(e164(&text, country), asked(&text, country), "{} in {:?}", text, country);
    }
}
