import type { Command } from 'commander'
import { type Run, usesWallet } from './options.ts'

const NODE_KEY = "the node's Sui key, e.g. .floe/nodes/00/keys/sui.key"

/** Commands of those who stake, and of nodes' operators. */
export function declareStakes(program: Command, run: Run): void {
  usesWallet(
    program
      .command('stake')
      .description('stake WAL with a node')
      .argument('<node>', 'its name or ID, as `info committee` lists them')
      .argument('<amount>', 'in WAL, at least 1'),
  ).action((node, amount, options) =>
    run(
      async context => (await import('../commands/stake.ts')).stake(context, node, amount, options),
      options,
    ),
  )

  usesWallet(
    program
      .command('unstake')
      .description('give notice of a stake')
      .argument('<stake>', 'object ID, as `list-staked` lists it'),
  ).action((stake, options) =>
    run(async context => (await import('../commands/unstake.ts')).unstake(context, stake, options), options),
  )

  usesWallet(
    program
      .command('withdraw')
      .description('take a stake back, with what it has earned')
      .argument('<stake>', 'object ID, as `list-staked` lists it'),
  ).action((stake, options) =>
    run(
      async context => (await import('../commands/withdraw.ts')).withdraw(context, stake, options),
      options,
    ),
  )

  usesWallet(
    program
      .command('list-staked')
      .description("list the wallet's stakes")
      .option('--owner <address>', "another owner's instead"),
  ).action(options =>
    run(async context => (await import('../commands/list-staked.ts')).listStaked(context, options), options),
  )

  const vote = program.command('vote').description('vote as a storage node')
  usesWallet(
    vote
      .command('price')
      .description('for prices per encoded MiB')
      .option('--storage <frost>', 'for each epoch, in FROST')
      .option('--write <frost>', 'once, in FROST'),
    NODE_KEY,
  ).action(options =>
    run(async context => (await import('../commands/vote.ts')).votePrice(context, options), options),
  )
  usesWallet(
    vote
      .command('capacity')
      .description('with what the node can hold')
      .argument('<size>', 'bytes, or with a unit: 2TiB'),
    NODE_KEY,
  ).action((size, options) =>
    run(async context => (await import('../commands/vote.ts')).voteCapacity(context, size, options), options),
  )
}
