//! The device behind a trunk's dial string.

/// Technology and resource as ARI's `/endpoints` names them; `None` where a dialplan or a channel driver decides.
///
/// `PJSIP/${num}@carrier` and `PJSIP/carrier/sip:${num}@10.0.0.1` both mean `PJSIP`, `carrier`.
pub(super) fn device(dial_string: &str) -> Option<(&str, &str)> {
    let (technology, rest) = dial_string.split_once('/')?;
    if technology.eq_ignore_ascii_case("local") || rest.contains('&') {
        return None;
    }
    let (first, more) = rest.split_once('/').map_or((rest, ""), |(first, more)| (first, more));
    let resource = match first.rsplit_once('@') {
        Some((_, resource)) if more.is_empty() => resource,
        None if !more.is_empty() => first,
        // `PJSIP/${num}`: every number is a device of its own.
        _ => return None,
    };
    (!resource.is_empty() && !resource.contains("${num}")).then_some((technology, resource))
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn a_dial_string_names_its_device_or_none() {
        assert_eq!(device("PJSIP/${num}@carrier"), Some(("PJSIP", "carrier")));
        assert_eq!(device("PJSIP/carrier/sip:${num}@10.0.0.1:5060"), Some(("PJSIP", "carrier")));
        assert_eq!(device("IAX2/carrier/${num}"), Some(("IAX2", "carrier")));
        for unknown in ["Local/${num}@out/n", "PJSIP/${num}", "PJSIP/a${num}/sip:x", "PJSIP/${num}@a&PJSIP/1@b"] {
            assert_eq!(device(unknown), None, "{unknown}");
        }
    }
}
