#pragma once
/// What tells one transformer from another, as data: a block description that the forward pass and the table of weights
/// follow, and a row for each of transformers' model_types that says how config.json and the weights file spell it.
#include <cstdint>
#include <string>
#include <vector>

namespace unpact {

enum class NormKind { rms, layer };   ///< arXiv 1910.07467; arXiv 1607.06450, with bias
enum class MlpKind { gated, plain };  ///< down(act(gate x) * up x), arXiv 2002.05202; down(act(up x))
/// arXiv 1702.03118; arXiv 1606.08415 in its tanh form, and by erf; max(x, 0)
enum class Activation { silu, gelu_new, gelu, relu };
/// arXiv 2104.09864; a table that is added to the embedding; a number of the distance that is added to scores, arXiv 1910.10683
enum class PositionKind { rotary, learned, relative };
/// Of attention and of the MLP, f: x + f(norm x); x + norm(f x); x + norm(f(norm x)), by two norms; norm(x + f x)
enum class NormPlace { before, after, around, of_sum };
/// Which blocks look back over a bounded window: those that config.json chooses, all but every n-th (Architecture::period), or
/// those that its attention_types call local.
enum class WindowRule { none, every_block, chosen_blocks, all_but_every, named_blocks };
enum class HeadNorm {
  none,
  each,
  whole
};  ///< an RMS norm of queries and keys before the rotation: of every head, or of all at once
/// How files spell and pack the weights (stored_tensors.cpp).
enum class StorageLayout { plain, gpt2, gpt_neox, phi, phi3, olmo2, gemma2, gpt_neo, opt, mixtral, t5 };

struct BlockDescription {
  NormKind norm = NormKind::rms;
  MlpKind mlp = MlpKind::gated;
  Activation activation = Activation::silu;
  PositionKind positions = PositionKind::rotary;
  bool query_key_value_bias = false, output_bias = false, mlp_bias = false;
  HeadNorm query_key_norm = HeadNorm::none;
  bool small_residual_init = false;  ///< random output projections are divided by sqrt(2 * blocks)
  bool parallel_residual = false;    ///< attention and MLP both read the block's input
  bool shared_norm = false;          ///< of the parallel two: by one norm
  NormPlace norm_place = NormPlace::before;
  bool norm_plus_one = false;        ///< RMS norms scale by 1 + weight
  bool scaled_embedding = false;     ///< embeddings are multiplied by sqrt(hidden size)
  bool head_bias = false;            ///< the output head has one
  bool no_final_norm = false;        ///< the head reads the last block's output as it is
  double score_cap = 0;              ///< attention's scores s become cap * tanh(s / cap); 0: they stay
  double logit_cap = 0;              ///< the same of the logits
  double query_scalar = 0;           ///< scores are divided by its root; 0: by that of the head size
  double local_theta = 0;            ///< rope's base in blocks with a window, where nothing is stretched; 0: as elsewhere
  std::int64_t position_offset = 0;  ///< rows of the table of positions before that of position 0
  std::int64_t experts = 0, experts_per_token = 0;  ///< MLPs of which a router chooses for each token; 0: one, for all

  bool operator==(const BlockDescription&) const = default;
};

/// The keys of config.json that are not spelled alike everywhere; null: there is none.
struct ConfigKeys {
  const char *hidden, *intermediate, *layers, *heads, *positions, *epsilon, *activation;
  const char *rope_theta = "rope_theta", *rotary_share = "partial_rotary_factor";
  const char *window = "sliding_window", *initializer = "initializer_range";
};

/// A row of the table of architectures. Defaults are those of transformers' configuration classes.
struct Architecture {
  const char* model_type;
  const char* transformers_class;
  const char* prefix;  ///< of all tensors but the head's; files of the bare model lack it
  ConfigKeys keys;
  BlockDescription block;         ///< what the architecture always has
  bool attention_bias, mlp_bias;  ///< config.json may switch these biases on
  bool tied_embeddings;           ///< default of tie_word_embeddings
  const char* default_activation;
  double default_epsilon;
  std::int64_t default_key_value_heads;  ///< when the key is absent; 0: as many as query heads
  std::int64_t default_head_dim;         ///< when the key is absent; 0: hidden size / heads
  WindowRule windows;
  StorageLayout storage;
  std::vector<const char*> ignored;    ///< endings of tensors that follow from the config and need not be read
  double default_rotary_share = 0;     ///< of a head's channels that turn, when the key is absent; 0: there is no such key
  std::int64_t default_window = 4096;  ///< when the key is absent; 0: none
  bool has_key_value_heads = true, has_head_dim = true;  ///< whether config.json has these keys
  std::vector<const char*> refused = {};                 ///< switches that must not be on
  std::int64_t period = 0;                               ///< WindowRule::all_but_every
  double default_rope_theta = 10000.0;
  bool has_query_scalar = false, has_caps = false;  ///< whether config.json has these keys; `block` holds their defaults
};

const std::vector<Architecture>& architectures();

/// @throws UserError naming the model_type. @param where what the message should name.
const Architecture& architecture_of(const std::string& model_type, const std::string& where);

}  // namespace unpact
