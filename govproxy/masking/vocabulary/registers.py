"""Words of registers, courts, schools, sickrooms, paymasters and machine rooms, and of further languages.

What stands in the other modules is what customers, patients and staff are usually described by. Data only; how it is
read: ``masking.vocabulary``.
"""

from __future__ import annotations

from govproxy.masking.vocabulary.context import Context, Phrases

PHRASES: Phrases = {
    "person_name": {
        Context.ANY: """
            artist name, religious name, native name, name in native script, name native, name kanji,
            kanji name, name kana, name furigana, name romaji, hanzi name, name arabic, arabic name, name latin,
            name cyrillic, nama lengkap, ad soyad, adi soyadi, isim soyisim, xingming, xing ming, shimei, fio,
            patronymic, otchestvo, name of witness, name of spouse, name of parent, name of guardian, name of donor,
            name of beneficiary, name of applicant, name of owner, nom de naissance complet, nom du pere,
            nom de la mere, nom du conjoint, nombre del padre, nombre de la madre, nombre del conyuge, nome do pai,
            nome da mae, nome do conjuge, name der mutter, name des vaters, name mutter, name vater, vatersname,
            name des kindes, nom enfant, nom de l enfant, nombre hijo, nome filho, given by name, taken by name,
            received by name, witnessed by, sworn by, notarised by, notarized by, officiated by, celebrated by
        """,
        Context.SOLO: """
            notary, bailiff, priest, pastor, celebrant, godmother, godfather, godparent, widow, widower, appellant,
            petitioner, complainant, offender, accused, arrestee, bidder, consignor, referee, umpire, skipper,
            lecturer, examiner, counsellor, counselor, underwriter, interpreter, notaire, greffier, avocat, juge,
            temoin, plaignant, demandeur, defendeur, parrain, marraine, entraineur, notar, notarin, zeuge, zeugin,
            klaeger, klaegerin, beklagter, antragsteller, antragstellerin, spender, spenderin, erblasser, vormund,
            pate, patin, kaeufer, verkaeufer, eigentuemer, vermieter, gutachter, dolmetscher, testigo, demandante,
            demandado, denunciante, solicitante, padrino, madrina, heredero, propietario, arrendador,
            arrendatario, comprador, conyuge, testemunha, requerente, padrinho, madrinha, herdeiro, proprietario,
            locador, locatario, conjuge, treinador
        """,
        Context.PEOPLE: """
            nama, isim, imya
        """,
    },
    "given_name": {
        Context.ANY: """
            nama depan, meno osoby, ime osobe, baptismal names, name given, name middle
        """,
        Context.PEOPLE: """
            adi, imya, ming
        """,
    },
    "family_name": {
        Context.ANY: """
            soyadi, soyad, soyisim, nama belakang, nama keluarga, familiya, familija, prezime, priezvisko,
            name family, clan name, tribal surname
        """,
    },
    "phone": {
        Context.ANY: """
            telefon numarasi, cep numarasi, nomor telepon, nomor hp, no hp, shouji, shouji hao, denwa, denwa bango,
            nomer telefona, telefonszam, numar telefon, sip number, voip number, extension number direct,
            direct dial, direct line, durchwahl, switchboard ext, pager number, emergency line
        """,
    },
    "street_address": {
        Context.ANY: """
            alamat, alamat rumah, dizhi, jusho, adresi, ev adresi, ulitsa, lakcim, adresa domiciliu, adresa bydliste,
            care of, care of line, c o line, apartment number, flat no, flat number, door number, unit no address,
            landmark near, geocoded address, formatted address, address formatted, place of abode, last known address,
            domicile address, lieu de residence adresse, letzte anschrift, letzte bekannte anschrift
        """,
        Context.PLACE: """
            apt, apartment, flat, landmark, line1, line2, premise, premises, doorplate
        """,
    },
    "birth_date": {
        Context.ANY: """
            dogum tarihi, dogum gunu, tanggal lahir, tgl lahir, chusheng riqi, seinengappi, data rozhdeniya,
            szuletesi datum, data nasterii, datum narozeni, baptism date, date of baptism, taufdatum, date bapteme,
            fecha bautismo, expected delivery date baby, infant dob, child dob, spouse dob, dependent dob
        """,
    },
    "death_date": {
        Context.ANY: """
            burial date, date of burial, cremation date, interment date, bestattungsdatum, beerdigungsdatum,
            date inhumation, fecha entierro, data sepultamento, time of death, deceased at
        """,
    },
    "birth_place": {
        Context.ANY: """
            tempat lahir, dogum yeri, parish of birth, hospital of birth, taufort, birthplace country
        """,
    },
    "national_id": {
        Context.ANY: """
            matriculation number, matrikelnummer, matrikel number, student id number, learner number, uln, upn,
            unique pupil number, unique learner number, numero etudiant, ine etudiant, numero estudiante, legajo,
            numero legajo, inmate number, prisoner number, detainee number, booking number inmate, voter id number,
            voter number, voter registration number, elector number, numero electeur, titulo eleitor,
            titulo de eleitor, credencial elector, clave elector, alien number, alien registration number,
            asylum number, refugee number, residence permit, residence permit number, titre sejour,
            numero titre sejour, aufenthaltstitel, permesso soggiorno, work permit number, service number military,
            military id, military number, badge number officer, kimlik no, tc no, nik, nomor ktp, ktp, zhengjian hao,
            my number, mynumber, jmbg, oib osobe, egn, isikukood, personas kods, asmens kodas, emso, cnp,
            szemelyi szam, death certificate number, birth certificate number, marriage certificate number,
            livret de famille number, cedula, numero cedula, cedula identidad, dni number, documento number,
            run rut, rut persona, carnet identidad, known traveler number, known traveller number, redress number
        """,
    },
    "passport": {
        Context.ANY: """
            travel document number, travel doc no, travel document, visa number, numero visado, numero visa,
            visumnummer, pasaport no, nomor paspor, mrz, mrz line, mrz line1, mrz line2
        """,
    },
    "income": {
        Context.ANY: """
            agi, adjusted gross income, taxable income, gross earnings, net earnings, ytd gross, ytd net,
            earnings ytd, overtime pay, stipend, stipend amount, alimony, child support, unemployment benefit,
            housing benefit, disability benefit, kindergeld, arbeitslosengeld, rentenbetrag, steuerbrutto,
            sozialversicherungsbrutto, unterhaltszahlung, quotient familial, revenu imposable, allocation chomage,
            pension alimentaire, net fiscal, pension importe, salario liquido, salario bruto, pensao alimenticia,
            rendimento tributavel, maas, brut maas, net maas, gaji, gaji pokok, plat, mzda, plata neto, fizetes,
            salariu, zarplata, oklad, severance pay, pension payment, retirement income, family income
        """,
    },
    "health": {
        Context.ANY: """
            cause of death, death cause, todesursache, cause deces, cause du deces, causa muerte, causa de muerte,
            causa obito, causa morte, rh factor, hla type, last menstrual period, menstrual cycle, cycle length days,
            body weight, resting heart rate, spo2, oxygen saturation, blood sugar, hemoglobin, haemoglobin,
            creatinine, triglycerides, biopsy result, tumor stage, tumour stage, tnm, gleason score, apgar,
            glasgow coma scale, triage level, triage category, immunisation, immunisations, antibody level,
            organ donor, advance directive, dnr order, disability pct, disability rating, mobility aid, wheelchair user,
            hearing impaired, visually impaired, medical exemption, medical fitness, fit note, sickness absence,
            sick days reason, psych evaluation, psychological evaluation, therapy type, sobriety date,
            hastalik, penyakit, kan grubu, golongan darah, diagnoz, betegseg, boala, nemoc
        """,
    },
    "health_text": {
        Context.ANY: """
            autopsy findings, autopsy report, coroner findings, obduktionsbericht, rapport autopsie, informe autopsia,
            laudo necropsia, nursing observations, care notes, pflegedokumentation, session notes therapy,
            counselling session notes, incident injuries text
        """,
    },
    "criminal_record": {
        Context.ANY: """
            charge description, charges filed, offence, offense, offence description, offense description,
            offense code, offence code, crime committed, verdict, sentence length, sentence imposed, parole date,
            parole status, probation status, warrant number, arrest reason, tatvorwurf, delikt, strafmass, urteil text,
            infraction penale, peine, chef accusation, delito, delito imputado, crime, pena imposta
        """,
    },
    "religion": {
        Context.ANY: """
            baptised, baptized, baptism parish, church attended, parish membership, agama, din, vallas, halal required,
            kosher required, prayer group, tithe amount
        """,
    },
    "ethnicity": {
        Context.ANY: """
            mother tongue, native language, muttersprache, langue maternelle, lengua materna, lingua materna,
            first language spoken, ethnic self identification, tribe, clan, suku, volkszugehoerigkeit
        """,
        Context.PEOPLE: """
            ancestry, descent, heritage
        """,
    },
    "orientation": {
        Context.ANY: """
            interested in gender, looking for gender, seeking gender, partner gender, lgbt, lgbtq, transgender,
            gender history, sexual history
        """,
    },
    "ip_address": {
        Context.ANY: """
            ip src, ip dst, srcip, dstip, saddr, daddr, src addr, dst addr, nas ip, nas ip address, framed ip,
            framed ip address, remote host, peer ip, nat ip, public ip, private ip, wan ip, lan ip, host addr, xff,
            x real ip, real ip, true client ip, connecting ip, visitor ip, last ip, signup ip, register ip, vpn ip,
            assigned ip, static ip, dynamic ip, dhcp ip, endpoint ip, player ip, voter ip, signer ip, ip adresi
        """,
    },
    "mac_address": {
        Context.ANY: """
            ble mac, bt mac, bt addr, bluetooth mac, wifi bssid, ap mac, calling station id, called station id, eui64,
            station mac, client mac, source mac, src mac, dst mac, lan mac
        """,
    },
    "device_id": {
        Context.ANY: """
            oaid, installation id, install id, app instance id, fcm registration id, apns device id, dev eui, deveui,
            nfc uid, card uid, epc tag person, imeisv, phone serial, handset serial, wearable id, watch serial,
            browser hash, canvas fingerprint, ad id, ad identifier
        """,
    },
    "geo": {
        Context.ANY: """
            geohash, plus code, what3words, w3w, easting, northing, gps x, gps y, gps track, track points, route geom,
            home geom, latitude from, longitude from, latitude to, longitude to, from lat, from lng, to lat, to lng,
            origin lat, origin lng, dest lat, dest lng, current lat, current lng, last lat, last lng, enlem, boylam,
            coord x, coord y, lat e6, lng e6, lon e6, lat e7, lng e7, lon e7
        """,
    },
    "password": {
        Context.ANY: """
            keystore password, truststore password, pfx password, p12 password, sftp password, rdp password,
            vnc password, router password, mailbox password, imap pass, pop3 password, enable password,
            bind dn password, basic auth password, zip password, pdf password, archive password, kata sandi, sifre,
            parola, salasana hash, jelszo, parol
        """,
    },
    "secret": {
        Context.ANY: """
            community string, enable secret, wep key, wifi passphrase, recovery phrase, seed words, csrf secret,
            jwt secret, pepper, device secret, device key, provisioning key, tenant secret, alarm code, safe
            combination, safe code, locker code, locker combination, door pin, keypad code, gate pin, garage code,
            lock code, lockbox code, smart lock code, puk, puk code, sim pin, voicemail pin, kubeconfig,
            service account json, oauth client secret, saml private key, totp key, backup key material, vault key
        """,
    },
    "username": {
        Context.ANY: """
            kullanici adi, nama pengguna, yonghu ming, pppoe user, radius user, sip user, ftp user, ssh user,
            unix account, shell user, xmpp jid, jid, irc nick, player tag, summoner name
        """,
    },
}
