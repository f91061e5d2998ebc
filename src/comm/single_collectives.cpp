/// A group of one rank: every collective is a copy or nothing. The contracts are those of the other implementations,
/// so that a program that is right on one rank is right on many.
#include <ATen/ATen.h>

#include "backends.hpp"
#include "unpact/core/error.hpp"

namespace unpact::backend {
namespace {

class SingleCollectives final : public Collectives {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::string name() const override { return "single"; }
  bool is_alone() const override { return true; }

  void all_gather(at::Tensor& out, const at::Tensor& in) override { copy(out, in); }
  void reduce_scatter(at::Tensor& out, const at::Tensor& in) override { copy(out, in); }
  void all_reduce(at::Tensor& tensor) override { check(tensor); }
  void broadcast(at::Tensor& tensor, int root) override {
    check(tensor);
    UNPACT_EXPECT(root == 0);
  }
  void barrier() override {}
  std::unique_ptr<PendingCollective> start_all_gather(at::Tensor out, at::Tensor in) override { return done(out, in); }
  std::unique_ptr<PendingCollective> start_reduce_scatter(at::Tensor out, at::Tensor in) override { return done(out, in); }

 private:
  struct Done final : PendingCollective {
    void wait() override {}
  };
  static std::unique_ptr<PendingCollective> done(at::Tensor& out, const at::Tensor& in) {
    copy(out, in);
    return std::make_unique<Done>();
  }
  static void check(const at::Tensor& tensor) {
    UNPACT_EXPECT(tensor.defined());
    check_tensor(tensor, tensor.device());
  }
  static void copy(at::Tensor& out, const at::Tensor& in) {
    UNPACT_EXPECT(out.defined());
    const at::NoGradGuard no_grad;
    if (!check_full_and_shard(out, in, out.device(), 0, 1)) out.view(-1).copy_(in.view(-1));
  }
};

}  // namespace

std::unique_ptr<Collectives> make_single() { return std::make_unique<SingleCollectives>(); }

}  // namespace unpact::backend
