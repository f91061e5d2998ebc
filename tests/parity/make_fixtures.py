#!/usr/bin/env python3
"""Expected values from transformers and PyTorch for the C++ tests.

    python tests/parity/make_fixtures.py --out DIR [--data DIR]

DIR is `<UNPACT_FIXTURES>/parity` for the C++ tests. Everything is fp32 on the CPU with eager attention, seeds are
fixed. Every *.safetensors holds only F32, I64 and U8 tensors. Shapes: B sequences, T positions, V vocabulary, D model
width, L decoder blocks, P = sum of `lengths`. "Packed" means: row 0's real positions, then row 1's, ... (shape [P, ..]),
so padding never shows. Ids are right-padded with 0 behind `lengths[b]`. Position t predicts token t + 1.

A. MODELS (oracle_models.py)
  Folders in Hugging Face layout, as save_pretrained of transformers 5 writes them (config.json has
  `rope_parameters.rope_theta` instead of a plain `rope_theta`; norm weights are random, not 1, biases not 0), D = 64,
  L = 3, V = 300; random_models() in oracle_models.py lists their settings:
    llama_grouped, llama_tied, llama_headdim     grouped heads; tied head; head_dim 24 (4 * 24 != 64), rope_theta 500000
    llama_llama3, llama_linear (and _old)        rope scaling; _old: respelled as transformers 4 wrote it
    llama_biases, llama_attention_bias, llama_mlp_bias
    qwen2, qwen2_tied_window                     biases of query, key, value; a window of 9 from block 1 on, tied head
    qwen3, qwen3_bias_window                     norms of query and key heads; layer_types with a window of 6, all biases
    mistral, mistral_two, mistral_full           windows of 9, 2, none
    gpt2, gpt2_untied                            tied head; untied, n_inner not 4 n_embd
    phi, phi3, gpt_neox, gemma, olmo2 (and more) parallel residual, partial rotary, longrope, scaled embeddings, norms after
    gemma2, gemma2_uncapped                      capped scores and logits; neither, all biases, layer_types
    gemma3, gemma3_old                           two ropes; respelled as transformers 4 wrote them, with a pattern of windows
    gpt_neo, gpt_neo_wide                        windows of 7 and 2 by attention_types, scores that nothing divides
    opt, opt_post                                ReLU, biases; norms after the sum, no biases, untied
    mixtral, mixtral_window                      2 of 4 experts; 2 of 3, a window of 9, tied head
  Beside each, <name>.safetensors:
    tokens   [B,T] I64     ids, row b starts with BOS (1); lengths are unequal and include 1
    lengths  [B]   I64
    logits   [P,V] F32     packed; every row run alone, unpadded
    hidden.<l> [P,D] F32   packed output of decoder block l (0-based), before the final norm
    greedy   [B,64] I64    greedy continuation of row b run alone, never stopped by EOS
    greedy_gap [B,64] F32  best minus second-best logit at each of these steps (all > 1e-3: no near-ties)
    bf16_difference [1]    |z16 - z| / |z| of the last row's logits when transformers itself computes in bf16
    loss [1], grad.<name>  mean cross-entropy of all next tokens of all rows, its gradient by every tensor of the file
  trained/<name>.safetensors, for those in TRAINED:
    losses [20], <name> F32  20 steps of AdamW (TRAINING) on that loss: each step's loss, every tensor of the file behind them
  With --data, for DIR/models/stories260K (plain `rope_theta`, tied, D = 64, V = 512):
    stories260K.json         list of {prompt, ids, greedy, text, full_text}: ids = BOS + SentencePiece(prompt); greedy =
                             64 ids, not stopped by EOS; text = decode(greedy); full_text = decode(ids[1:] + greedy)
    stories260K.safetensors  logits.<i> [len(ids) + 64, 512] F32 over ids + greedy of entry i, in one pass

B. LOSSES AND GRADIENTS (oracle_losses.py)
  losses_theta/ (trained), losses_ref/ (frozen reference): two independent random Llamas, D = 32, L = 3, V = 97, 4 heads,
  2 key-value heads, untied. losses_tied/: the same shape with a tied head.
  losses.safetensors:
    <set>.ids [B,T] I64, <set>.lengths [B] I64, <set>.has_loss [B,T] U8     for <set> = forget, retain
             has_loss[b,t] = 1: token t is a target, scored by the logits of position t - 1; has_loss[b,0] = 0
    forget.weight [B,T] F32    token weights w for ga_weighted; 0 where has_loss is 0
    rmu.u [D] F32              unit control vector
    forget.nll_theta [B], forget.nll_ref [B] F32    NLL of each sequence: sum over targets of -log p, nats
    <loss>.value [1] F32       the loss
    <loss>.grad.<hf name> F32  its gradient by every parameter of losses_theta; zeros where it does not depend on one
  Losses. CE(set) = mean of -log p over all targets of the batch (pooled over sequences); NLL_i = sum over the targets
  of sequence i, n_i their number; beta, c, alpha, layer as in losses.json; z = logits; "real" = positions t < lengths[b]:
    ga              -CE(forget)
    ga_weighted     -sum_t w_t (-log p_t) / sum_t w_t  on forget, sums over the batch
    gd              CE(retain)
    kl              mean over the retain set's targets of sum_v p_ref (log p_ref - log p_theta), at the position that
                    predicts the target
    kl_muse_logit   (1/B) sum over real positions and v of exp(z_ref) (z_ref - z_theta)  on retain; raw logits
    npo             -(2/beta) mean_i log sigmoid(beta (NLL_theta,i - NLL_ref,i))  on forget
    npo_length_norm the same with NLL_i / n_i
    npo_token_mean  -(2/beta) log sigmoid(beta (CE_theta - CE_ref))  on forget
    npo_muse_logit  -(2/beta) mean over real positions and v of log sigmoid(beta (z_ref - z_theta))  on forget
    rmu             mean over real positions and dimensions of (h - c u)^2 on forget
                    + alpha * mean of (h - h_ref)^2 on retain; h = output of decoder block `layer`
    rmu_forget, rmu_retain   its two parts; rmu_retain without alpha
    tied_gd         CE(retain) of losses_tied, gradients by its own parameters (the shared matrix has both parts)
  losses.json: {beta, c, alpha, layer, pad_id, losses: {name: value}}
  training.json: {steps, lr, weight_decay, warmup, clip, gamma, losses, terms}: CE(retain) - gamma CE(forget), all
    examples in every step, by torch.optim.AdamW with a linear schedule and clipping; `losses` and `terms` ([forget,
    retain]) before each update, first of losses_theta, then of losses_tied
  training_by_terms.json: {..., clip_terms, rows: [{terms, norms}]}: the same loss on losses_theta at a constant rate, each
    term's gradient clipped alone to clip_terms before its coefficient; `norms` before clipping

C. OPTIMIZER (oracle_training.py): adamw.safetensors, settings in adamw.json
    init.<p>        parameters <p> = matrix [7,5], vector [11], cube [3,2,4], scalar [1]
    grad.<s>.<p>    gradient of step s = 0..9 (gradients of `scalar` span 1e-6 to 1e3)
    param.<s>.<p>   parameters after step s of torch.optim.AdamW (lr 1e-3, betas 0.9/0.95, eps 1e-8, weight_decay 0.1)
    exp_avg.<p>, exp_avg_sq.<p>   its moments after step 9
    clip.norm [1]   2-norm over grad.0.* of all parameters together, as torch.nn.utils.clip_grad_norm_ returns it
    clip.tight.<p>, clip.loose.<p>   grad.0.<p> after clip_grad_norm_ with max_norm from adamw.json: {clip: {tight, loose}}
                    (scaled by min(1, max_norm / (norm + 1e-6)); loose changes nothing)

D. SCHEDULES: schedules.json, list of {name, warmup, total, factor}
    name in constant, constant_with_warmup, linear, cosine (transformers.get_scheduler); factor[s] = learning rate used
    by optimizer step s = 0 .. min(30, total) - 1, as a fraction of the base rate; zero at step 0 of a warm-up.

E. LEAVE-ONE-OUT: loo.safetensors, on llama_grouped
    loo.<case>.ids        [N] I64   the prompt: context and candidates
    loo.<case>.candidates [2] I64   candidates are ids[begin:end], n = end - begin
    loo.<case>.answer     [T] I64   answer ids; scored behind the prompt
    loo.<case>.logprob    [n+1,T] F32  log p(answer_k | prompt, answer_<k), nats. Row 0: whole prompt. Row 1 + i: with
                          ids[begin + i] removed and later positions moved up. One full forward per row.
    loo.<case>.contribution [n] F32  mean_k row 0 - mean_k row (1 + i), computed in fp64
  cases: n1_t1 n1_t5 n2_t1 n2_t5 n17_t1 n17_t5 (BOS + n candidates), repeated_t5 (runs of equal ids), same_t1 (all ids
  equal: all removals give one row), context_t5 (context before and behind the candidates). loo.json lists them.

F. OTHER ATTRIBUTIONS: attribution.safetensors, cases <model>.<case> as attribution.json lists them, on a model of every
  family (MODELS in oracle_attribution.py); LP = mean log-probability of the answer's tokens, nats
    <name>.ids, .candidates, .answer   as in E
    <name>.score [1] F32               LP of the whole prompt
    <name>.leave_one_out [n] F32       LP - LP without the candidate
    <name>.in_place_mask [n] F32       LP - LP with the candidate's position 0 in attention_mask, position_ids kept
    <name>.baseline [n] F32            LP - LP with the candidate's id replaced by `baseline` of attribution.json
    <name>.gradient_x_input [n] F32    sum over channels of embedding * dLP/dembedding, by autograd
    <name>.integrated_zero, _id [n] F32  integrated gradients of LP from the zero vector / the baseline id's embedding in
                                       all candidates' places, numpy's Gauss-Legendre rule with 50 points
    <name>.integrated_id_fine [n] F32  the same from the baseline id by the midpoint rule with 1000 points, for models in `fine`
    <name>.integrated_zero_gain, _id_gain [1] F32  LP - LP at the start of the path
    <name>.rollout [n] F32             attention rollout from output_attentions, mean over the rows that predict the answer

G. METHODS (oracle_methods.py): methods.safetensors, settings in methods.json; models, sets and letters as in B
    <set>.ids, .lengths, .has_loss   for forget and retain as in B, and alternate: answers that dpo prefers, row by row
  <loss>.value and <loss>.grad.* as in B. y_t = target, p_t = its probability under theta, taken as a constant in weights;
  "balanced" weights of a sequence are scaled to sum to its number of targets:
    simnpo          -(2/b) mean_i log sigmoid(b (NLL_i / n_i - delta)), b = `simnpo`
    simnpo_satimp   the same with -log p_t weighted by p_t^b1 (1 - p_t)^b2, (b1, b2) = `satimp`; _balanced: by the balanced ones
    dpo             -(2/beta) mean_i log sigmoid(beta ((NLL - NLL_ref)(forget) - (NLL - NLL_ref)(alternate)))
    jensun          mean over targets of JSD(onehot(a), p_theta), a = token k mod n of `refusal` for a row's k-th target
    jsd             mean over targets of retain of JSD(p_ref, p_theta) = KL(p_ref || m) / 2 + KL(p_theta || m) / 2
    npo_token       -(2/beta) mean over targets of log sigmoid(beta (log p_ref - log p_theta))
    undial          mean over targets of the cross-entropy of p_theta with softmax(z_ref - `undial` onehot(y_t))
    ceu             mean over targets but the first `skipped` of a row: cross-entropy of p_theta with softmax(z, z_y = -inf)
    pdu             mean over targets of (max_v z - mean_v z)^2
    wga, satimp     -mean over targets of w_t (-log p_t), w_t = p_t^`wga`, p_t^b1 (1 - p_t)^b2
    npo_weighted    npo with balanced forget.weight; npo_wga with p_t^`wga`, npo_wga_balanced with balanced ones
    kl_all_positions           kl at every real position of retain
    rmu_forget_sequences, rmu_retain_sequences   rmu's parts, averaged over a row's positions with has_loss, then over rows
  steps.<method>.<hf name>   weights of losses_theta, its own reference, after `steps` steps of AdamW (`learning_rate`,
                             `epsilon`, no weight decay), all examples in every step, coefficients 1 but rmu's alpha:
    ga, ga_gd, ga_kl, ga_kl_all_positions, ga_kl_muse_logit, npo, npo_gd, npo_kl, npo_token_mean, npo_muse_logit, undial, ceu
    simnpo, dpo, wga, satimp   with gd
    pdu             with gd, weighed by pdu.weight, which each step moves by pdu.rate (CE - pdu.limit), not below 0; its last
                    value is steps.pdu.dual [1]
    rmu             training mlp.down_proj of blocks 0 and 1
    reinforced      CE(forget); tv: start - `tv` (reinforced - start)
  whp.logits [P,V]  z - `whp` relu(z_reinforced - z) on forget, packed

H. WEIGHTS AND STATES (oracle_weight_probes.py): weight_probes.safetensors; settings, questions and losses in weight_probes.json
    soft.vectors [K,D]     `vectors` vectors in front of the candidates, trained for `steps` steps of Adam (`lr`) from the embeddings
                           of `start` on the mean of -LP over all questions; weights of losses_theta frozen; soft_losses before each
    soft.score.<i> [1]     LP of question i's answer with them
    depth.score.<i> [1], depth.drops.<i> [3,L]   LP by losses_theta, and by how much it falls with the states of losses_ref behind a
                           block at the positions that predict the answer, at KeyTokens (`keys`), at the other candidates; NaN: none; F64
    lens.<name>.<i> [L-1,T] I64   the likeliest tokens by the final norm and the head behind each hidden block of losses_theta in the places
                           of an answer, given those before: `answer` (gold), or `known`, which is what the last hidden block says
    relearn.<hf name>      losses_ref after `steps` steps of AdamW (`relearn_lr`, `weight_decay`), clipped, on all questions; F64
    relearn.score.<i> [1]  LP of question i's answer after these steps; F64

I. ADAPTERS (oracle_lora.py): lora.safetensors, settings in lora.json; model losses_theta, sets as in B, names as in its file with
  .lora_A.weight [r,in] and .lora_B.weight [out,r]. A is drawn from one generator seeded with `seed`, blocks in order and
  `targets` within them
    start.<adapter>, gd.value [1], gd.grad.<adapter>   CE(retain) with B not zero, and its gradients
    steps.<adapter>, merged.<hf name>   after `steps` steps of npo + CE(retain), all examples in each, B zero at first; the
                                        adapters and W + alpha / r B A

J. ENCODER-DECODER (oracle_t5.py): t5/ (v1.0: tied, scaled, relu), t5_v11/ (a head of its own, gated gelu), as published; beside each
  <name>.safetensors for items i = 0..3
    prompt.<i>, answer.<i>  I64   what the encoder reads, EOS last; what the decoder writes, behind decoder_start_token_id
    logits.<i> [T,V], log_p.<i> [T] F32   of the answer's tokens
    greedy.<i> [24] I64           greedy answer, never stopped by EOS
    removal.<i> [N,T] F32         log_p of the prompt (row 0) and without each of its tokens but EOS, one forward a row (i = 1, 3)
"""
import argparse
from pathlib import Path

import torch
import transformers

import oracle_attribution
import oracle_loo
import oracle_lora
import oracle_losses
import oracle_methods
import oracle_models
import oracle_t5
import oracle_training
import oracle_weight_probes


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the expected values of the parity tests.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--data", type=Path, help="folder of the large test files; without it stories260K is left out")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)

    oracle_models.write_random_models(options.out)
    if options.data:
        oracle_models.write_stories(options.out, options.data)
    oracle_losses.write(options.out)
    oracle_methods.write(options.out)
    oracle_lora.write(options.out)
    oracle_t5.write(options.out)
    oracle_training.write(options.out)
    oracle_loo.write(options.out)
    oracle_attribution.write(options.out)
    oracle_weight_probes.write(options.out)


if __name__ == "__main__":
    main()
