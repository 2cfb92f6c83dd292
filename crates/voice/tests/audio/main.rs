//! Sound files of every kind that people bring, written by other programs than ours.

use std::io::Cursor;
use std::time::Duration;

use axbridge_voice::audio::{
    Clip, ClipError, ClipLimits, Codec, Digit, DtmfDetector, sine, tone_share,
};
use hound::{SampleFormat, WavSpec, WavWriter};
use proptest::prelude::*;

const HZ: f32 = 600.0;

/// One second of a tone, written by another library.
fn written(spec: WavSpec) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).expect("a writer");
    for index in 0..spec.sample_rate {
        let phase = index as f32 * HZ / spec.sample_rate as f32;
        let value = (phase.fract() * std::f32::consts::TAU).sin() * 0.5;
        for _ in 0..spec.channels {
            let written = match (spec.sample_format, spec.bits_per_sample) {
                (SampleFormat::Float, _) => writer.write_sample(value),
                (SampleFormat::Int, bits) => {
                    let full = 2.0_f32.powi(i32::from(bits) - 1) - 1.0;
                    writer.write_sample((value * full) as i32)
                }
            };
            written.expect("a sample");
        }
    }
    writer.finalize().expect("a file");
    file.into_inner()
}

fn read(file: &[u8]) -> Result<Clip, ClipError> {
    Clip::read(file, ClipLimits::default())
}

#[track_caller]
fn assert_is_the_tone(clip: &Clip) {
    let ms = clip.duration().as_millis();
    assert!((950..=1100).contains(&ms), "{ms} ms");
    let inner = &clip.samples()[800..7200];
    assert!(tone_share(inner, HZ) > 0.99);
    let loudest = inner.iter().map(|sample| sample.unsigned_abs()).max();
    assert!(
        (15_000..17_800).contains(&loudest.unwrap_or(0)),
        "{loudest:?}"
    );
}

#[test]
fn wav_files_of_every_depth_rate_and_number_of_channels_are_read() {
    let formats = [
        (8, SampleFormat::Int),
        (16, SampleFormat::Int),
        (24, SampleFormat::Int),
        (32, SampleFormat::Int),
        (32, SampleFormat::Float),
    ];
    for (bits_per_sample, sample_format) in formats {
        for (channels, sample_rate) in [(1, 8000), (2, 44_100), (1, 16_000), (6, 48_000)] {
            let spec = WavSpec {
                channels,
                sample_rate,
                bits_per_sample,
                sample_format,
            };
            assert_is_the_tone(&read(&written(spec)).expect("a clip"));
        }
    }
}

#[test]
fn mp3_files_are_read() {
    for file in [
        include_bytes!("fixtures/stereo-44100.mp3").as_slice(),
        include_bytes!("fixtures/mono-22050.mp3").as_slice(),
    ] {
        assert_is_the_tone(&read(file).expect("a clip"));
    }
}

#[test]
fn what_we_write_is_read_by_others_and_by_us() {
    let tone = sine(HZ, Duration::from_secs(1));
    let mut reader = hound::WavReader::new(Cursor::new(tone.to_wav())).expect("a WAV file");
    assert_eq!(reader.spec().sample_rate, 8000);
    let samples: Vec<i16> = reader
        .samples()
        .map(|sample| sample.expect("whole"))
        .collect();
    assert_eq!(samples, tone.samples());
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let again = read(&tone.to_g711_wav(codec)).expect("a clip");
        assert!(tone_share(&again.samples()[800..7200], HZ) > 0.99);
        assert_eq!(again.samples().len(), 8000);
    }
}

#[test]
fn a_file_written_to_a_pipe_is_read_to_its_end() {
    let mut file = sine(HZ, Duration::from_secs(1)).to_wav();
    file[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(&file).expect("a clip").samples().len(), 8000);
}

#[test]
fn refusals_say_what_to_do() {
    let text = |file: &[u8], limits| {
        let error = Clip::read(file, limits).expect_err("it must be refused");
        error.to_string()
    };
    let usual = ClipLimits::default();
    assert!(text(b"OggS and more", usual).contains("convert it to WAV with 16 bits"));
    assert!(text(b"", usual).contains("neither WAV nor MP3"));
    assert!(text(b"RIFF....WAVE", usual).contains("save it anew"));
    let tone = sine(HZ, Duration::from_secs(3)).to_wav();
    let short = ClipLimits {
        duration: Duration::from_secs(2),
        ..usual
    };
    assert_eq!(
        text(&tone, short),
        "the sound is longer than 2 s; shorten it"
    );
    let small = ClipLimits {
        bytes: 1000,
        ..usual
    };
    assert!(text(&tone, small).contains("1000 are allowed; shorten the sound"));
    let mut adpcm = tone.clone();
    adpcm[20] = 2;
    assert!(text(&adpcm, usual).contains("convert it to PCM with 16 bits"));
    let mp3 = include_bytes!("fixtures/stereo-44100.mp3");
    let shorter = ClipLimits {
        duration: Duration::ZERO,
        ..usual
    };
    assert!(text(mp3, shorter).contains("longer than 0 s"));
    assert!(text(&tone[..44], usual).contains("no sound"));
}

fn keys(text: &str) -> Vec<Digit> {
    text.chars().filter_map(Digit::from_char).collect()
}

fn heard(samples: impl IntoIterator<Item = i16>) -> String {
    let (mut detector, mut digits) = (DtmfDetector::default(), String::new());
    detector.hear(samples, |digit| digits.push(digit.as_char()));
    digits
}

/// Cheap noise with a seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self, amplitude: f32) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((self.0 >> 40) as f32 / 8_388_608.0 - 1.0) * amplitude
    }
}

#[test]
fn every_key_is_heard_through_both_laws_soft_and_noisy() {
    let all = "0123456789*#ABCD";
    let mut noise = Noise(7);
    // The softest is 30 dB below ours, the noisiest has its noise 12 dB below.
    for (gain, noise_share) in [(1.0, 0.0), (3.0, 0.0), (0.0316, 0.0), (0.5, 0.17)] {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let mut samples = Vec::new();
            for digit in keys(all) {
                let tone = digit.tone(Duration::from_millis(80));
                samples.extend_from_slice(tone.samples());
                samples.resize(samples.len() + 480, 0);
            }
            let line = samples.into_iter().map(|sample| {
                let value =
                    f32::from(sample) * gain + noise.next(6400.0 * gain * noise_share * 2.4);
                codec.decode(codec.encode(value as i16))
            });
            assert_eq!(heard(line), all, "{gain} {noise_share} {codec:?}");
        }
    }
}

#[test]
fn a_key_held_down_is_one_digit_and_pressed_twice_two() {
    let digit = keys("8")[0];
    assert_eq!(
        heard(digit.tone(Duration::from_secs(3)).samples().to_vec()),
        "8"
    );
    let short = digit.tone(Duration::from_millis(60));
    let twice = Clip::joined([&short, &short], Duration::from_millis(60));
    assert_eq!(heard(twice.samples().to_vec()), "88");
}

#[test]
fn no_digit_is_heard_in_noise_single_tones_and_sound_like_speech() {
    let mut noise = Noise(3);
    let hiss = (0..8000 * 60).map(|_| noise.next(12_000.0) as i16);
    assert_eq!(heard(hiss), "");
    for hz in (300..3400).step_by(37) {
        let tone = sine(hz as f32, Duration::from_millis(500));
        assert_eq!(heard(tone.samples().to_vec()), "", "{hz} Hz");
    }
    // A voice: a pitch that glides with many harmonics, shaped by formants that wander, in
    // syllables.
    let mut noise = Noise(11);
    let (mut phase, mut pitch, mut formant) = (0.0_f32, 140.0_f32, 700.0_f32);
    let speech = (0..8000 * 120).map(move |index| {
        if index % 1600 == 0 {
            pitch = 160.0 + noise.next(80.0);
            formant = 1100.0 + noise.next(800.0);
        }
        pitch += noise.next(0.3);
        phase = (phase + pitch / 8000.0).fract();
        let sum: f32 = (1..20)
            .map(|harmonic| {
                let hz = pitch * harmonic as f32;
                let near = 1.0 / (1.0 + ((hz - formant) / 150.0).powi(2));
                let second = 1.0 / (1.0 + ((hz - formant * 1.8) / 150.0).powi(2));
                (phase * harmonic as f32 * std::f32::consts::TAU).sin() * (near + second * 0.7)
            })
            .sum();
        (sum * 9000.0) as i16
    });
    assert_eq!(heard(speech), "");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_refused_or_read_but_never_run_away(
        seed in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let seeds = [
            sine(HZ, Duration::from_millis(100)).to_wav(),
            sine(HZ, Duration::from_millis(100)).to_g711_wav(Codec::Pcmu),
            include_bytes!("fixtures/mono-22050.mp3").to_vec(),
        ];
        let mut file = seeds[seed].clone();
        for (at, byte) in changes {
            let at = at.index(file.len().min(120));
            file[at] = byte;
        }
        file.truncate(cut.index(file.len()) + 1);
        if let Ok(clip) = read(&file) {
            // Not more sound than the slowest rate can hold in these bytes.
            prop_assert!(clip.samples().len() <= file.len() * 80);
        }
    }
}
