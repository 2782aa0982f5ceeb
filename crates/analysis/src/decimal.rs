//! Rounding to decimals as PostgreSQL's `numeric` does: half away from zero.

/// `numerator / denominator` rounded to `digits` decimals, exactly. The denominator is above zero.
pub(crate) fn ratio(numerator: i128, denominator: i128, digits: u8) -> f64 {
    let scale = 10i128.pow(u32::from(digits));
    let magnitude = match numerator.unsigned_abs().checked_mul(2 * scale.unsigned_abs()) {
        Some(doubled) => (doubled + denominator.unsigned_abs()) / (2 * denominator.unsigned_abs()),
        // Beyond 2^126 no decimals are left to round.
        None => return numerator as f64 / denominator as f64,
    };
    let rounded = magnitude as f64 / scale as f64;
    if numerator < 0 { -rounded } else { rounded }
}

/// A float rounded to `digits` decimals by way of its 15 significant digits, as `round(x::numeric, n)` goes.
pub(crate) fn round(value: f64, digits: u8) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let text = format!("{:.14e}", value.abs());
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return value;
    };
    let (Ok(digits15), Ok(exponent)) = (mantissa.replace('.', "").parse::<u128>(), exponent.parse::<i32>())
    else {
        return value;
    };
    // The value is digits15 · 10^(exponent − 14); keep `digits` decimals of it.
    let dropped = 14 - exponent - i32::from(digits);
    let kept = match u32::try_from(dropped) {
        Ok(0) => digits15,
        Ok(dropped) if dropped <= 30 => {
            let unit = 10u128.pow(dropped);
            (digits15 + unit / 2) / unit
        }
        Ok(_) => 0,
        Err(_) => return value,
    };
    let rounded = format!("{kept}e-{digits}").parse().unwrap_or(value.abs());
    if value < 0.0 { -rounded } else { rounded }
}

#[cfg(test)]
mod tests;
