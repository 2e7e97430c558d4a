#include "graph/patterns.h"

namespace eightbit {
namespace {

constexpr FusedRow kFused[] = {
    {FusedOn::every_device, "add multiply add result"},
    {FusedOn::every_device, "mvn multiply add [ACT]"},
    {FusedOn::every_device, "normalize_l2 multiply"},
    {FusedOn::every_device, "multiply add [ACT]"},
    {FusedOn::every_device, "add|subtract multiply|divide"},
    {FusedOn::every_device, "exp reduce_sum divide<1,2>"},
    {FusedOn::every_device, "exp reduce_sum power multiply<1,3>"},
    // x * relu6(x + 3) / 6, in three orders, and x * hard_sigmoid(x), behind a biased layer
    {FusedOn::every_device, "LINEAR add add clamp multiply<1,3> [multiply]"},
    {FusedOn::every_device, "LINEAR add add clamp multiply multiply<1,4>"},
    {FusedOn::every_device, "LINEAR add hard_sigmoid multiply<1,2>"},
    {FusedOn::every_device, "LINEAR hard_sigmoid multiply<1,2>"},
    // normalization of the input: the quantizer comes after it
    {FusedOn::every_device, "parameter [convert] [transpose] add|multiply|subtract"},
    {FusedOn::every_device, "parameter [convert] [transpose] multiply add"},
    {FusedOn::every_device, "parameter [convert] [transpose] add|subtract multiply|divide"},
    {FusedOn::every_device, "ACT batch_norm"},
    {FusedOn::every_device, "batch_norm ACT"},
    {FusedOn::every_device, "ARITH ACT [ARITH]"},
    {FusedOn::every_device, "clamp multiply"},
    {FusedOn::every_device, "LINEAR ACT"},
    {FusedOn::every_device, "LINEAR ARITH"},
    {FusedOn::every_device, "LINEAR ARITH<1,1>"},
    {FusedOn::every_device, "LINEAR add|subtract multiply|divide"},
    {FusedOn::every_device, "LINEAR ARITH ACT [ARITH]"},
    {FusedOn::every_device, "LINEAR squeeze [ARITH] ACT"},
    {FusedOn::every_device, "LINEAR add ACT unsqueeze multiply add squeeze"},
    {FusedOn::every_device, "LINEAR batch_to_space multiply add ACT"},
    {FusedOn::every_device, "LINEAR batch_to_space ARITH ACT"},
    {FusedOn::cpu_and_gpu, "LINEAR [add] [ACT] multiply add"},
    {FusedOn::cpu_and_gpu, "LINEAR [add] [ACT] ELEMENTWISE"},
};

constexpr IgnoredRow kIgnored[] = {
    {IgnoredWhen::always, "squeeze and excitation",
     "any* reduce_mean* LINEAR add relu|prelu|swish LINEAR add sigmoid|hsigmoid multiply<1,8>*"},
    // the layers hold their biases themselves
    {IgnoredWhen::always, "squeeze and excitation",
     "any* reduce_mean* LINEAR relu|prelu|swish LINEAR sigmoid|hsigmoid multiply<1,6>*"},
    {IgnoredWhen::recipe_nncf, "squeeze and excitation",
     "any* reduce_mean|avg_pool|adaptive_avg_pool* LINEAR ACT LINEAR sigmoid|hsigmoid|hard_sigmoid "
     "multiply<1,6>*"},
    {IgnoredWhen::always, "normalization and activation behind a matrix product",
     "unsqueeze multiply add squeeze"},
    {IgnoredWhen::always, "comparison of a mask", "equal logical_not"},
    {IgnoredWhen::transformer_but_not_spr, "output of an attention block",
     "softmax [reshape] mat_mul ^read_value|reshape|transpose|split|gather|squeeze|concat"},
    {IgnoredWhen::transformer, "rotary position embedding", "mat_mul transpose cos sin<2>"},
    {IgnoredWhen::transformer, "rotary position embedding",
     "mat_mul [transpose] concat<1,1> cos sin<2>"},
    {IgnoredWhen::transformer, "position embedding", "mat_mul multiply cos sin<2> concat<1,2>"},
};

}  // namespace

std::span<const FusedRow> fused_patterns() { return kFused; }
std::span<const IgnoredRow> ignored_patterns() { return kIgnored; }

}  // namespace eightbit
