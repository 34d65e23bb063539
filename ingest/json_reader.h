// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "ingest/decoder.h"
#include "ingest/json_fields.h"

namespace tocsin::ingest {

// Reads JSON envelopes. Belongs to one thread. Hides simdjson, whose header is heavy.
class JsonReader {
 public:
  class Handler {
   public:
    // One object. `index` counts from 0 within the payload. `raw` is its bytes. Views are valid
    // inside the call, and those of `fields` until the next Read().
    virtual void OnObject(const JsonFields& fields, std::string_view raw, int index) = 0;
    // One of several that is no object or is broken; its neighbours are not affected.
    virtual void OnBroken(BadReason reason, std::string_view raw, int index) = 0;

   protected:
    ~Handler() = default;
  };

  JsonReader();
  ~JsonReader();

  // Reads an object, several of them one a line, or an array of them. `json` is followed by
  // kPadding readable bytes. nullopt, or why reading stopped; what came before has been handed on,
  // and `*read` says how many that were.
  std::optional<BadReason> Read(std::string_view json, Handler& handler, int* read);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::ingest
