#include "unpact/model/compute_dtype.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

constexpr auto kFp32 = c10::ScalarType::Float, kBf16 = c10::ScalarType::BFloat16, kFp16 = c10::ScalarType::Half;
const c10::Device kCpu(c10::kCPU), kGpu(c10::kCUDA, 0);

TEST(ModelDtype, AutoIsTheFilesOwnOnAGpuAndFp32OnACpu) {
  EXPECT_EQ(automatic_dtype(kBf16, kGpu, 9), ModelDtype::bf16);
  EXPECT_EQ(automatic_dtype(kFp16, kGpu, 9), ModelDtype::fp16);
  EXPECT_EQ(automatic_dtype(kFp32, kGpu, 9), ModelDtype::fp32) << "never tf32, which rounds";
  EXPECT_EQ(automatic_dtype(kBf16, kGpu, 7), ModelDtype::fp32) << "such a GPU does not compute in bf16";
  EXPECT_EQ(automatic_dtype(kFp16, kGpu, 7), ModelDtype::fp16);
  for (const auto stored : {kFp32, kBf16, kFp16}) {
    EXPECT_EQ(automatic_dtype(stored, kCpu, 0), ModelDtype::fp32);
    EXPECT_EQ(resolve_dtype(ModelDtype::automatic, stored, kCpu), kFp32);
  }
}

TEST(ModelDtype, IsLackingWhereTheDeviceDoesNotHaveIt) {
  for (const auto dtype : {ModelDtype::automatic, ModelDtype::fp32, ModelDtype::bf16, ModelDtype::fp16}) {
    EXPECT_EQ(lack_of_dtype(dtype, kCpu, 0), "") << name_of_value(dtype);
    EXPECT_EQ(lack_of_dtype(dtype, kGpu, 8), "") << name_of_value(dtype);
  }
  EXPECT_EQ(lack_of_dtype(ModelDtype::tf32, kGpu, 8), "");
  EXPECT_EQ(lack_of_dtype(ModelDtype::fp16, kGpu, 7), "");
  for (const auto dtype : {ModelDtype::tf32, ModelDtype::bf16})
    EXPECT_THAT(lack_of_dtype(dtype, kGpu, 7), AllOf(HasSubstr("7.x"), HasSubstr(name_of_value(dtype)), HasSubstr("8.0")));
  EXPECT_THAT(lack_of_dtype(ModelDtype::tf32, kCpu, 0), HasSubstr("CPU"));
}

TEST(ModelDtype, ThatIsLackingIsRefusedByItsName) {
  const auto said = message_of<UserError>([] { effective_dtype(ModelDtype::tf32, kFp32, kCpu); });
  EXPECT_THAT(said, AllOf(HasSubstr("model.dtype"), HasSubstr("tf32"), HasSubstr("hint")));
  EXPECT_EQ(message_of<UserError>([] { check_model_dtype(ModelDtype::tf32, kCpu); }), said);
  EXPECT_EQ(message_of<UserError>([] { resolve_dtype(ModelDtype::tf32, "/no/such/folder", kCpu); }), said)
      << "before anything is read";
}

TEST(ModelDtype, ThatIsAskedForIsWhatTheWeightsBecome) {
  EXPECT_EQ(resolve_dtype(ModelDtype::fp32, kBf16, kCpu), kFp32);
  EXPECT_EQ(resolve_dtype(ModelDtype::bf16, kFp32, kCpu), kBf16);
  EXPECT_EQ(resolve_dtype(ModelDtype::fp16, kFp32, kCpu), kFp16);
  EXPECT_EQ(weights_dtype(ModelDtype::tf32), kFp32);
  EXPECT_THROW(weights_dtype(ModelDtype::automatic), ContractViolation);
}

}  // namespace
}  // namespace unpact
