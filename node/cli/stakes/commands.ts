import type { Command } from 'commander'
import { actionsOf, type Run, usesWallet, walrusOption } from '../declare.ts'

const NODE_KEY = "the node's Sui key, e.g. .floe/nodes/00/keys/sui.key"

/** Commands of those who stake, and of nodes' operators. */
export function declareStakes(program: Command, run: Run): void {
  const stakes = actionsOf(run, () => import('./stakes.ts'))

  usesWallet(
    program
      .command('stake')
      .description('stake WAL with a node')
      .argument('[node]', 'its name or ID, as `info committee` lists them')
      .argument('[amount]', 'in WAL, at least 1')
      .addOption(walrusOption('--node-ids <id...>'))
      .addOption(walrusOption('--node-id <id...>'))
      .addOption(walrusOption('--amounts <frost...>'))
      .addOption(walrusOption('--amount <frost...>')),
  ).action(stakes('stake'))

  usesWallet(
    program
      .command('unstake')
      .description('give notice of a stake')
      .argument('<stake>', 'object ID, as `list-staked` lists it'),
  ).action(stakes('unstake'))

  usesWallet(
    program
      .command('withdraw')
      .description('take a stake back, with what it has earned')
      .argument('<stake>', 'object ID, as `list-staked` lists it'),
  ).action(stakes('withdraw'))

  usesWallet(
    program
      .command('list-staked')
      .description("list the wallet's stakes")
      .option('--owner <address>', "another owner's instead"),
  ).action(stakes('listStaked'))

  const vote = program.command('vote').description('vote as a storage node')
  usesWallet(
    vote
      .command('price')
      .description('for prices per encoded MiB')
      .option('--storage <frost>', 'for each epoch, in FROST')
      .option('--write <frost>', 'once, in FROST'),
    NODE_KEY,
  ).action(stakes('votePrice'))
  usesWallet(
    vote
      .command('capacity')
      .description('with what the node can hold')
      .argument('<size>', 'bytes, or with a unit: 2TiB'),
    NODE_KEY,
  ).action(stakes('voteCapacity'))
  usesWallet(
    vote
      .command('parameter')
      .description('for a value of what nodes decide together')
      .argument('<name>', 'as `info parameters` lists them')
      .argument('<value>', 'a whole number; shares in hundredths of a percent'),
    NODE_KEY,
  ).action(stakes('voteParameter'))
}
