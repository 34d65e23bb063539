// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "cli/catalogue_path.h"
#include "cli/command.h"

#include "base/status.h"
#include "matcher/catalogue_loader.h"

namespace tocsin::cli {

absl::StatusOr<std::shared_ptr<const Catalogue>> LoadCatalogueFor(const Program& program,
                                                                  const std::string& dir,
                                                                  const std::string& overrides) {
  ASSIGN_OR_RETURN(std::string path,
                   CataloguePath(dir, std::getenv("TOCSIN_SIGNATURES"), program.directory));
  ASSIGN_OR_RETURN(std::unique_ptr<const Catalogue> catalogue,
                   matcher::LoadCatalogue(path, overrides, matcher::PatternCache::OfUser()));
  return std::shared_ptr<const Catalogue>(std::move(catalogue));
}

absl::StatusOr<Patterns> LoadPatternsFor(const Program& program, const std::string& dir,
                                         const std::string& overrides) {
  Patterns patterns;
  ASSIGN_OR_RETURN(patterns.catalogue, LoadCatalogueFor(program, dir, overrides));
  ASSIGN_OR_RETURN(patterns.set, matcher::PatternSet::Compile(*patterns.catalogue,
                                                              matcher::PatternCache::OfUser()));
  return patterns;
}

}  // namespace tocsin::cli
