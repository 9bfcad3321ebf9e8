/** Start: the stream first, then the page; the map comes by itself after the first paint. */
import { mount } from 'svelte';
import './app/app.css';
import App from './app/App.svelte';
import { live } from './app/console.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
live.start();
mount(App, { target });
