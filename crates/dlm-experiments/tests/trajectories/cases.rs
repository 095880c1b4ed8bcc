//! The published functions as samplers, and every trajectory they recorded.

use dlm_discrete::{
    Clock, Schedule,
    unmasking::{Commit, EndPolicy, Ending, Faults, Order, TokenRule, UnmaskingSampler, presets},
};

use super::published::Published;

/// What the published loops all do: the mask is a token like others.
const LOOPS: Faults = Faults {
    mask_is_a_token: true,
    factor_accepts_last: false,
    aliased_end_confidence: false,
    masks_in_prompt: None,
    mean_of_batch: false,
};

/// LLaDA's `generate` and Fast-dLLM's without a cache.
fn llada(published: &Published) -> UnmaskingSampler {
    let argument = |name| published.argument(name);
    let base = presets::llada();
    let commit = match (argument("threshold"), argument("factor")) {
        (Some(above), _) => Commit::Threshold { above, decay_to: None, keep_pace: false },
        (_, Some(factor)) => Commit::Factor { factor },
        _ => base.commit.clone(),
    };
    UnmaskingSampler {
        commit,
        steps: argument("steps").map(|steps| steps as usize),
        block_length: argument("block_length").map(|length| length as usize),
        tokens: TokenRule {
            temperature: argument("temperature").unwrap_or(0.0),
            guidance: argument("cfg_scale").unwrap_or(0.0),
            ..TokenRule::default()
        },
        faults: LOOPS,
        ..base
    }
}

/// Dream's `diffusion_generate`.
fn dream(published: &Published, order: Order) -> UnmaskingSampler {
    let effective = |name| published.effective(name);
    let until = effective("eps").unwrap();
    let clock = Clock::Shared(Schedule::Linear);
    UnmaskingSampler {
        steps: effective("steps").map(|steps| steps as usize),
        tokens: TokenRule {
            temperature: effective("temperature").unwrap(),
            top_k: effective("top_k").map(|k| k as usize),
            top_p: effective("top_p").filter(|&p| p < 1.0),
            ..TokenRule::default()
        },
        faults: LOOPS,
        ..UnmaskingSampler::new(order, Commit::Scheduled { clock, until })
    }
}

#[test]
fn llada_in_all_blocks_and_steps() {
    for (model, case) in [
        ("llada-tiny", "gen_s12_g32_b16"),
        ("llada-tiny", "gen_s16_g32_b8"),
        ("llada-tiny", "gen_s20_g16_b16"),
        ("llada-tiny", "gen_s32_g32_b32"),
        ("llada-tiny", "gen_s8_g64_b64"),
        ("llada-tiny", "gen_leftpad_batch"),
        ("llada-gqa", "gen_low_confidence"),
        ("llada-tied", "gen_low_confidence"),
        ("llada-moe-tiny", "gen_low_confidence"),
    ] {
        let published = Published::read(model, case);
        published.check(case, &llada(&published));
    }
}

#[test]
fn llada_in_random_order() {
    let published = Published::read("llada-tiny", "gen_random");
    published.check("random", &UnmaskingSampler { order: Order::Random, ..llada(&published) });
}

#[test]
fn llada_above_temperature_0() {
    let published = Published::read("llada-tiny", "gen_temperature");
    published.check("temperature", &llada(&published));
}

#[test]
fn fast_dllm_by_quota_threshold_and_factor() {
    for (model, case) in [
        ("llada-tiny", "fast_head_nocache_quota"),
        ("llada-tiny", "fast_head_nocache_thr0.5"),
        ("llada-tiny", "fast_head_nocache_thr0.9"),
        ("llada-tiny", "fast_head_nocache_batch2_thr"),
        ("llada-tiny", "fast_june_nocache_quota"),
        ("llada-tiny", "fast_june_nocache_thr0.9"),
        ("llada-gqa", "fast_head_nocache_quota"),
        ("llada-gqa", "fast_head_nocache_thr0.9"),
    ] {
        let published = Published::read(model, case);
        published.check(case, &llada(&published));
    }
    for case in ["fast_head_nocache_factor1.0", "fast_head_nocache_factor2.0"] {
        let published = Published::read("llada-tiny", case);
        let faults = Faults { factor_accepts_last: true, ..LOOPS };
        published.check(case, &UnmaskingSampler { faults, ..llada(&published) });
    }
}

#[test]
fn masks_in_the_prompt_use_up_the_quota() {
    let published = Published::read("llada-tiny", "gen_masks_in_prompt");
    let prompt = published.prompts()[0].0.len();
    let faults = Faults { masks_in_prompt: Some(prompt), ..LOOPS };
    published.check("masks", &UnmaskingSampler { faults, ..llada(&published) });
}

#[test]
fn llada_with_guidance() {
    let published = Published::read("llada-tiny", "gen_cfg");
    published.check("guidance", &llada(&published));
}

#[test]
fn llada_and_its_end_of_sequence_policies() {
    let read = |case: &str, policy, faults| {
        let published = Published::read("llada-tiny", case);
        let names = ["eos_id_used", "eot_id_used"];
        let tokens = names.iter().filter_map(|name| published.maybe_number(name)).collect();
        let ending = Ending { policy, tokens };
        let sampler = UnmaskingSampler { ending, faults, ..llada(&published) };
        (published, sampler)
    };
    let (published, sampler) = read("gen_logits_eos_inf", EndPolicy::Logits, LOOPS);
    published.check("logits", &sampler);

    let aliased = Faults { aliased_end_confidence: true, ..LOOPS };
    let confidence = EndPolicy::Confidence;
    let (published, sampler) = read("gen_confidence_eos_eot_inf", confidence, aliased);
    published.check_steps("confidence", &sampler, &sampler.ending.tokens);
    let (published, sampler) = read("gen_confidence_eos_eot_inf_temp", confidence, aliased);
    published.check("confidence above temperature 0", &sampler);
}

#[test]
fn dream_in_all_orders() {
    for (case, order) in [
        ("dream_entropy_s5", Order::Entropy),
        ("dream_entropy_s10", Order::Entropy),
        ("dream_entropy_s24", Order::Entropy),
        ("dream_maskgit_plus_s5", Order::TopProbability),
        ("dream_maskgit_plus_s10", Order::TopProbability),
        ("dream_maskgit_plus_s24", Order::TopProbability),
        ("dream_topk_margin_s5", Order::Margin),
        ("dream_topk_margin_s10", Order::Margin),
        ("dream_topk_margin_s24", Order::Margin),
        ("dream_leftpad_batch", Order::Entropy),
    ] {
        let published = Published::read("dream-tiny", case);
        published.check(case, &dream(&published, order));
    }
}

#[test]
fn dream_with_truncated_distributions() {
    for (case, order) in [
        ("dream_entropy_default_topk50", Order::Entropy),
        ("dream_maskgit_plus_default_topk50", Order::TopProbability),
        ("dream_topk_margin_default_topk50", Order::Margin),
        ("dream_entropy_top_k", Order::Entropy),
        ("dream_entropy_top_p", Order::Entropy),
    ] {
        let published = Published::read("dream-tiny", case);
        published.check(case, &dream(&published, order));
    }
}

#[test]
fn dream_origin_is_ancestral() {
    let published = Published::read("dream-tiny", "dream_origin");
    let clock = Clock::Shared(Schedule::Linear);
    let until = published.effective("eps").unwrap();
    let commit = Commit::Ancestral { clock, until };
    published.check("origin", &UnmaskingSampler { commit, ..dream(&published, Order::Random) });
}
