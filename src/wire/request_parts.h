// Of how many parts a request consists, counted before any of them is made an object.
#pragma once

#include <cstddef>
#include <string_view>

namespace ringfort::wire {

/// Whether the request is small enough in parts to be parsed on a loop: no more keys or operations
/// than limits.h allows, give or take a few. A part may have two bytes: a frame of them parses for
/// a second into hundreds of megabytes. Pure; costs no more than the parts that it allows. What is
/// no proto::Request may get either answer: the parser refuses it.
bool HasFewParts(std::string_view request);

}  // namespace ringfort::wire
