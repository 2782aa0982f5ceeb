//! Rounding to decimals as PostgreSQL's `numeric` does: half away from zero.

/// A rounded number as it is written: `units / 10^digits`, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    units: i64,
    digits: u8,
}

impl Decimal {
    /// `numerator / denominator` rounded half away from zero; none beyond what 64 bits hold.
    /// The denominator is above zero.
    pub(crate) fn ratio(numerator: i64, denominator: u32, digits: u8) -> Option<Decimal> {
        let scale = 10u64.checked_pow(u32::from(digits))?;
        let doubled = numerator.unsigned_abs().checked_mul(2 * scale)?;
        let denominator = u64::from(denominator);
        let (over, under) = (doubled.checked_add(denominator)?, 2 * denominator);
        // A division of 64 bits takes twice the time of one of 32, and nearly every mean fits those.
        let magnitude = match (u32::try_from(over), u32::try_from(under)) {
            (Ok(over), Ok(under)) => i64::from(over / under),
            _ => i64::try_from(over / under).ok()?,
        };
        Some(Decimal {
            units: if numerator < 0 { -magnitude } else { magnitude },
            digits,
        })
    }

    /// The nearest float.
    pub(crate) fn number(self) -> f64 {
        self.units as f64 / 10f64.powi(i32::from(self.digits))
    }

    /// Without trailing zeros, as the nearest float prints: `12.6`, `12`, `-0.05`.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let magnitude = self.units.unsigned_abs();
        // More digits than a float tells apart: the float's own form is the answer's.
        if magnitude > 1 << 53 {
            return store::value::write_float(self.number(), out);
        }
        if self.units < 0 {
            out.push(b'-');
        }
        // Divided by a constant, which costs a multiplication; most measures keep one digit.
        let (whole, mut fraction) = match self.digits {
            0 => (magnitude, 0),
            1 => (magnitude / 10, magnitude % 10),
            2 => (magnitude / 100, magnitude % 100),
            3 => (magnitude / 1000, magnitude % 1000),
            digits => {
                let scale = 10u64.pow(u32::from(digits));
                (magnitude / scale, magnitude % scale)
            }
        };
        store::value::write_number(whole as i64, out);
        if fraction == 0 {
            return;
        }
        if self.digits == 1 {
            return out.extend_from_slice(&[b'.', b'0' + fraction as u8]);
        }
        let mut digits = usize::from(self.digits);
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        out.push(b'.');
        let at = out.len();
        out.resize(at + digits, b'0');
        for place in out[at..].iter_mut().rev() {
            *place = b'0' + (fraction % 10) as u8;
            fraction /= 10;
        }
    }
}

/// A float rounded to `digits` decimals by way of its 15 significant digits, as `round(x::numeric, n)` goes.
pub(crate) fn round(value: f64, digits: u8) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    // Far enough from a tie, 15 digits and 17 round alike: no text is needed.
    let scale = 10f64.powi(i32::from(digits));
    let scaled = value.abs() * scale;
    if scaled < 1e9 && (scaled.fract() - 0.5).abs() > 1e-5 {
        return scaled.round().copysign(value) / scale;
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
