#!/usr/bin/env node
import { exitWithReader } from './output.ts';
import { main } from './program.ts';

exitWithReader();
process.exitCode = await main(process.argv.slice(2));
