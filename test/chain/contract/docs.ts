/** Writes docs/contract.md: `node test/chain/contract/docs.ts`. A test checks that it is up to date. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadBuild } from '../../../chain/build.ts'
import { type BoundModule, readBindings } from './bindings.ts'
import { compareSurfaces } from './compare.ts'
import { readSurface, type SurfaceModule } from './surface.ts'

export const docsPath = fileURLToPath(new URL('../../../docs/contract.md', import.meta.url))

const intro = `# The contract's surface

Generated from the bytecode and from the bindings in \`@mysten/walrus\` by
\`node test/chain/contract/docs.ts\`; a test keeps it so. The Move source in \`chain/contract\` is Floe's own. What users
and their code see of it is Walrus's: module names, functions, argument types, struct fields in their order.

- **types**, **bound**: named in the bindings of \`@mysten/walrus\`, and the same here.
- **beyond**: callable here, not named in these bindings. Most of it exists in Walrus too (its bindings cover the
  modules that its SDK uses); what the bytecode of Walrus's deployed package has cannot be checked offline.
`

const absent = `## Absent, and why

- \`Display\` objects: no wallet shows objects of a localnet. The \`Publisher\` goes to who initializes the network, who
  can create them.
- Walrus's companion packages (\`wal_exchange\`, \`walrus_subsidies\`): not part of this package. The functions that they
  call are here (\`add_subsidy\`, \`add_per_epoch_subsidies\`, \`add_commission_to_pools\`).
- \`staking::initiate_epoch_change\` and \`init::migrate\` abort, for they have successors.

## Rules that differ in nothing a client sees

- The threshold of the active set is 1 WAL, the smallest stake: on a new network anybody's stake counts, and what
  rounding leaves in a pool that everyone has left does not hold shards.
- A pool outside the committee is advanced when something is asked of it. What became due meanwhile is converted at the
  rate of that moment, which is recorded under the epoch in which it was due.
- An extension is refused when its epochs are sold out, like any other purchase.
`

/** The page for these bindings and this bytecode. */
export function contractDocs(bindings: BoundModule[], surface: SurfaceModule[]): string {
  const differences = compareSurfaces(bindings, surface).map(
    ({ where, theirs, ours }) => `- \`${where}\`: ${theirs} there, ${ours} here`,
  )
  const sections = surface.flatMap(module =>
    section(
      module,
      bindings.find(({ name }) => name === module.name),
    ),
  )
  return [
    intro,
    differences.length === 0 ? 'Differences from the bindings: none.' : 'Differences from the bindings:',
    ...differences,
    '',
    ...sections,
    absent,
  ].join('\n')
}

/** Modules that nobody outside sees are left out. */
function section(module: SurfaceModule, bound: BoundModule | undefined): string[] {
  const known = new Set(bound?.functions.map(({ name }) => name))
  const beyond = module.functions.map(({ name }) => name).filter(name => !known.has(name))
  const lines = [
    line('types', bound?.types.map(({ name }) => name) ?? []),
    line('bound', [...known].sort()),
    line('beyond', beyond.sort()),
  ].flat()
  return lines.length === 0 ? [] : [`## ${module.name}`, '', ...lines, '']
}

const line = (label: string, names: string[]) =>
  names.length === 0 ? [] : [`- ${label}: ${names.map(name => `\`${name}\``).join(', ')}`]

if (import.meta.main) {
  writeFileSync(docsPath, contractDocs(readBindings(), readSurface(loadBuild('walrus').modules)))
}
