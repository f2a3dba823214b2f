/** Writes docs/contract.md: `node test/chain/contract/docs.ts`. A test checks that it is up to date. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadBuild } from '../../../chain/compiled.ts'
import { PARAMETERS } from '../../../chain/parameters.ts'
import { type BoundModule, readBindings } from './bindings.ts'
import { type AbortCode, absentCodes, OWN_MODULES, readAbortCodes } from './codes.ts'
import { compareSurfaces } from './compare.ts'
import { readSurface, type SurfaceModule } from './surface.ts'

export const docsPath = fileURLToPath(new URL('../../../docs/contract.md', import.meta.url))

const intro = `# The contract's surface

Generated from the bytecode and from the bindings in \`@mysten/walrus\` by
\`node test/chain/contract/docs.ts\`; a test keeps it so. The Move source in \`chain/contract\` is Floe's own. What users
and their code see of it is Walrus's: module names, functions, argument types, struct fields in their order.

- **types**, **bound**: named in the bindings of \`@mysten/walrus\`, and the same here.
- **beyond**: callable here, not named in these bindings, which cover the modules that Walrus's SDK uses. All of it exists
  in Walrus's source, too.
- **own**: of a module that Walrus does not have ([storage challenges](#storage-challenges), [parameters](#parameters)).
`

const rules = `## Rules

Walrus's 1.56, as far as its source tells. Where the contract differs, and why:

| Walrus | here | why |
| --- | --- | --- |
| \`SlashingManager\` is made by the migration to version 3 | at initialization | a new network migrates nothing |
| \`init\` sets up \`Display\` with texts, pictures and links of Walrus | other texts, no pictures or links | they are Walrus's |
| \`max_epochs_ahead\` of 0 is taken, and nothing can be bought ever | \`EInvalidMaxEpochsAhead\` | it can only be a mistake |
| with 20 nodes or more a node has a tenth of the shards at most, rounded down to none with fewer than 10 shards, and no committee can be selected | one shard at least | small networks |
| an epoch for which a pool recorded no rate has the last rate before it | until the pool goes on, what its shares are worth now; stake that becomes active while the pool stands still counts at the rate with which the pool goes on | the two differ by rounding, but for a pool that almost everyone has left: there a new stake could be worth more than was paid for it, out of the rewards of others |
| a stake leaves for free | one that leaves soon after it began to count pays [a fee](#fees-of-stake) | whoever moves shards about makes others send them |
| when rounding makes more leave a pool than is there, the call stops: an arithmetic error, or \`ECalculationError\` at an epoch change | nothing is left | nobody's withdrawal, and no epoch change, must wait for a FROST |

Companion packages (\`wal_exchange\`, \`walrus_subsidies\`) are not part of this package. The functions that they call are
here (\`add_subsidy\`, \`add_per_epoch_subsidies\`, \`add_commission_to_pools\`).

\`npm run fuzz -- contract --histories 10000\` holds the contract against a model of its rules, written apart in TypeScript:
who gets how many shards and which, what stakes and pools are worth, what rewards, commissions and withdrawals pay, prices
and capacity, and the code of a call that may not be made, over random histories. \`npm test\` does so for a few.

## Epochs

How long an epoch lasts is fixed when the network is made: a day, unless \`floe up --epoch\` or \`epochMs\` of \`createNetwork\`
says otherwise (10 s at least). All times are the chain's clock's; anyone may make the calls, and each is made once per epoch.

| state | from | until |
| --- | --- | --- |
| \`EpochChangeSync\` | \`initiate_epoch_change_v2\`: event \`EpochChangeStart\` | nodes with 2f+1 of the shards called \`epoch_sync_done\`, each with an event \`ShardsReceived\`: \`EpochChangeDone\` |
| \`EpochChangeDone\` | then; its time counts for the next two | \`voting_end\`, half an epoch later at the earliest: \`EpochParametersSelected\`; committee and capacity of the next epoch are final |
| \`NextParamsSelected\` | then | \`initiate_epoch_change_v2\`, a whole epoch after \`EpochChangeDone\` at the earliest |

On a localnet the clock can be moved, and stands still while it is stopped: see [the localnet](localnet.md#how-to-reach-it).

## Storage challenges

Walrus's papers describe challenges, its code has none. Here each node shows once in a round that it holds what it is paid
for. Module \`challenge\`, whose state is a dynamic field of \`Staking\` from the first round on (\`challenge_rounds\`), fixes what
a node has before anybody knows what will be asked. An epoch has one round or, by vote, up to four of equal length, whose times
count from \`EpochChangeDone\` in shares of the round; these are what a network begins with:

| call | who | when | event |
| --- | --- | --- | --- |
| \`open\` | anyone, once | from 25% | \`ChallengeOpened\`: a salt from \`sui::random\`; owed is what was certified before the epoch and lives where this event stands |
| \`commit\` | each member, once | until 55% | \`ChallengeCommitted\`: the root of a tree over what it holds, under the salt |
| \`draw\` | anyone, once | from 55% | \`ChallengeDrawn\`: a seed from \`sui::random\`, from which follows what each is asked |
| \`pass\` | anyone, once for each member | until 90% | \`ChallengePassed\`: f+1 of the shards have seen the node's proofs |

The certificate of \`pass\` is over 104 bytes: 0 (type), 0 (version), 70 (app; Walrus's is 3), epoch (u32), round (u8), node ID, root,
seed. \`open\` and \`draw\` do the same whatever is drawn and cannot be called by other packages, so that nobody takes back a draw.
The next epoch's \`open\` removes what is left of a round.

At the epoch's end a member that has not passed fails (\`ChallengeFailed\`): what it would have earned, its stakers' part with
it, is burned, and a quarter of its commission. The third failure in a row costs its place in the active set: it is not selected for
two epochs ([parameters](#parameters), as in force in the epoch that ends), and comes back by \`try_join_active_set\` or with the next change of its stake. No principal is touched. Where fewer
than f+1 of the shards pass, be it because nobody drew, the round counts for nobody. What storage nodes do in a round is in
[challenges.md](challenges.md).

## Parameters

What challenges and stake are like is decided by the nodes. Module \`governance\` takes their votes, \`parameters\` counts them, in a
dynamic field of \`Staking\` from the first vote on. Whoever governs a member (\`set_governance_authorized\`, as for upgrades and
slashing) gives its vote for a value of a parameter (\`vote_for_parameter\`, event \`ParameterVoted\`), and may change it until nodes
with 2f+1 of the shards are for one value within an epoch: that is in force from the next epoch on, and what stake pays (\`settle\`,
\`fee\`) from the one after it on, so that stakers can react (\`ParameterDecided\`). Votes
lapse with their epoch. No value can be outside of its bounds, and bounds of what depends on one another do not meet. In epoch 0, before there are nodes that decide,
the holder of the \`EmergencyUpgradeCap\` sets what the network begins with (\`set_first_parameter\`): networks of \`floe up\` and
\`floe localnet\` begin with 40 draws. Shares are in basis points.

| parameter | at first | least | most | |
| --- | --- | --- | --- | --- |
${Object.values(PARAMETERS)
  .map(({ name, first, least, most, what }) => `| \`${name}\` | ${first} | ${least} | ${most} | ${what} |`)
  .join('\n')}

## Fees of stake

Stake of which notice is given within \`settle\` epochs from its activation on (2), or before it, when a selection has counted it, pays \`fee\` (1%) of its
principal, and nothing of its rewards: for it shards have moved, and move again. That is settled by the notice, for parts of the
stake too, and taken when the stake is withdrawn. Nothing is paid for stake that no selection has counted, with a node that has failed
an epoch's challenges since the stake's activation, which has cost the stake its rewards, nor with one that is not selected for the
next epoch. Where a failure in the epoch before the stake's activation has lost the node its place, the stake pays all the same, also
when it is withdrawn without notice: a failure frees only stake that it has cost something. Epochs count where a pool stands still, too: stake that stays with a node without shards for \`settle\` epochs is settled. At the epoch's
end half of what was taken is burned, and half is added to the rewards of the members that have not failed, in proportion to their stake that
counts for longer than \`settle\` epochs, rewards included; what rounding leaves waits for the next time, and where no stake is that old
all is burned. A stake that owes a fee has a dynamic field \`fee\`: its layout is Walrus's. It is joined only with one that owes the same.

## Versions

\`floe localnet --contract-version 3\` makes the network's objects as those of Walrus's deployed packages, at version 3; 4 is
the default and the newest. The package is the same but for that number. Clients of Floe read both.

Networks that earlier versions of Floe made cannot be upgraded to this contract: theirs is of version 4 already, without challenges, votes or
fees, so that \`migrate\` aborts. Such a network is made anew.
`

const codesIntro = `## Abort codes

Names and numbers are Walrus's, but for the modules \`challenge\`, \`challenge_rounds\`, \`governance\` and \`parameters\`. A module that is not listed has none. What other modules abort with (a coin that is too
small, a node ID that is none: \`sui::balance::ENotEnough\`, \`sui::dynamic_field::EFieldDoesNotExist\`) is as in Walrus, too.

| module | code | name | when |
| --- | --- | --- | --- |`

/** The page for these bindings and this bytecode. */
export function contractDocs(
  bindings: BoundModule[],
  surface: SurfaceModule[],
  codes: readonly AbortCode[],
): string {
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
    rules,
    codesIntro,
    ...codes.map(({ module, code, name, when }) => `| ${module} | ${code} | \`${name}\` | ${when} |`),
    '',
    `Of Walrus's, these cannot be met: ${absentCodes(codes)
      .map(code => `\`${code}\``)
      .join(', ')}.`,
    '',
  ].join('\n')
}

/** Modules that nobody outside sees are left out. */
function section(module: SurfaceModule, bound: BoundModule | undefined): string[] {
  const known = new Set(bound?.functions.map(({ name }) => name))
  const beyond = module.functions.map(({ name }) => name).filter(name => !known.has(name))
  const lines = [
    line('types', bound?.types.map(({ name }) => name) ?? []),
    line('bound', [...known].sort()),
    line(OWN_MODULES.has(module.name) ? 'own' : 'beyond', beyond.sort()),
  ].flat()
  return lines.length === 0 ? [] : [`## ${module.name}`, '', ...lines, '']
}

const line = (label: string, names: string[]) =>
  names.length === 0 ? [] : [`- ${label}: ${names.map(name => `\`${name}\``).join(', ')}`]

if (import.meta.main) {
  writeFileSync(
    docsPath,
    contractDocs(readBindings(), readSurface(loadBuild('walrus').modules), readAbortCodes()),
  )
}
