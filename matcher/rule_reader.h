// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "matcher/field_reader.h"

// Internal to matcher: the fields of a signature that are rules of their own.
namespace tocsin::matcher {

void ReadThreshold(const YAML::Node& node, FieldReader& reader, ReadSignature& read);
// exit_code -> patterns at the end of `match` and `unless`, typed captures, a note on the cause.
void ReadExitCode(const YAML::Node& node, FieldReader& reader, ReadSignature& read);
void ReadOccurrence(const YAML::Node& node, FieldReader& reader, ReadSignature& read);
void ReadRequiresNear(const YAML::Node& node, FieldReader& reader, ReadSignature& read);
void ReadSequence(const YAML::Node& node, FieldReader& reader, ReadSignature& read);
void ReadAbsent(const YAML::Node& node, FieldReader& reader, ReadSignature& read);
void ReadMeasure(const YAML::Node& node, FieldReader& reader, ReadSignature& read);
void ReadCaptureTypes(const YAML::Node& node, FieldReader& reader, ReadSignature& read);

}  // namespace tocsin::matcher
