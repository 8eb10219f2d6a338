"""Words for payment, for numbers that states give to people, and for vehicles.

Data only; how it is read: ``masking.vocabulary``.
"""

from __future__ import annotations

from govproxy.masking.vocabulary.context import Context, Phrases

PHRASES: Phrases = {
    "card": {
        Context.ANY: """
            card last, card last digits, cc last, last card digits, card number, card num, card no, card nr,
            cc number, cc num, cc no, credit card, creditcard, debit card, payment card number, card pan,
            primary account number, ccnum, ccn, pan number, credit card number, kreditkarte,
            kreditkartennummer, kreditkarten nummer, kartennummer, karten nummer, carte bancaire,
            carte credit, carte de credit, numero carte, numero de carte, tarjeta credito,
            tarjeta de credito, numero tarjeta, numero de tarjeta, cartao credito, cartao de credito,
            numero cartao, numero do cartao,
            masked pan, pan masked, masked card number, masked card, truncated pan, pan truncated, card masked, card
            first six, card bin last, card pan last, card number masked, card number enc,
            numero tarjeta, num tarjeta credito, cartao number, number cartao, card nbr, cardnumber, card number
            encrypted, encrypted card number, card number hash, cc number enc, amex number, visa card number,
            plastic number
        """,
        Context.SOLO: """
            pan, cc
        """,
        Context.CARD: """
            number, no, last
        """,
    },
    "cvv": {
        Context.ANY: """
            cvv, cvv2, cvc, cvc2, cvn, card verification value, card verification code, card security code,
            pruefziffer karte, cryptogramme, codigo seguridad tarjeta,
            card cvv, cvv number, cvv code, cid code card, security code card, codigo cvv, cvv hash,
            cod seg, cod seguranca, codigo seguranca, codigo seguridad, cod seguridad, code securite,
            cryptogramme visuel, kartenpruefnummer, kartenpruefziffer, cvd, card code verification
        """,
        Context.CARD: """
            security code, code
        """,
    },
    "pin": {
        Context.ANY: """
            pin cd,
            pin block, pin offset, card pin hash, card pin, pin code, pin number, atm pin, pin hash,
            pincode hash,
            puk, puk code, puk number, sim pin, door pin, voicemail pin,
            pin tarjeta, pin tarjeta hash, pin cartao, pin carte, code pin, pin carta, karten pin, clave tarjeta,
            user pin, staff pin, login pin, access pin, debit pin
        """,
        Context.SOLO: """
            pin,
            pincode
        """,
    },
    "card_expiry": {
        Context.ANY: """
            cc exp dt,
            card expiry, card exp, card expiration, cc exp, cc expiry, credit card expiration,
            card exp date, card expiry date, card exp month, card exp year, card expiry month,
            card expiry year,
            exp mm yy, expiry mm yy, exp mmyy, expmmyy, card exp mm, card exp yy, card exp mo, card exp yr, card
            valid until, gueltig bis karte
        """,
        Context.CARD: """
            expiry, expiry date, exp date, expiration, expiration date, exp month, exp year, expires,
            valid thru, valid through, expiry month, expiry year, expiration month, expiration year,
            month, year, mm yy, exp mo, exp yr
        """,
    },
    "card_track": {
        Context.ANY: """
            track data, track1, track2, magstripe, mag stripe
        """,
    },
    "iban": {
        Context.ANY: """
            iban, iban number, iban no, iban nr
        """,
    },
    "bank_account": {
        Context.ANY: """
            bankverb, cta bancaria, cta corriente, cuenta corriente, cta bco, bank acct no, bank acc no,
            acct nbr, deposit account,
            bankn, bank acct, bank acc number, bank account, bank account number, account number,
            account num, acct number, acct num, acct no, account no, routing number, sort code, aba number,
            bban, kontonummer, konto nummer, bankkonto, bankverbindung, bankleitzahl, compte bancaire,
            numero compte, numero de compte, rib, cuenta bancaria, numero cuenta, numero de cuenta,
            conta bancaria, conta corrente, numero conta, clabe, beneficiary account, kontonr, konto nr,
            chave pix, pix key, upi id, upi vpa, vpa, payee vpa, payer vpa, rtng number, bank routing, aba routing,
            payout account, cuenta abono, cuenta domiciliacion, compte iban, kto number, ktonr, kontoverbindung,
            account iban, bank details, bank account holder account, settlement account,
            ccc, codigo cuenta cliente, numero de conta, agencia conta, conta pagamento, conto number, iban bic
            konto, bank identifier account, account nbr, account numb, bank acct number, benef account, beneficiary
            iban, beneficiary acct, beneficiary bank account, payee account, payee account number, sender account,
            receiver account, debtor account, debtor iban, creditor account, creditor iban, swift account
        """,
        Context.SOLO: """
            konto
        """,
    },
    "ssn": {
        Context.ANY: """
            svnummer, sv nr, svnr, num ss, nro ss, no ss, sozvers nr, sozversnr, nr pis, pis pasep,
            assurance sociale, numero assurance sociale,
            seg social, num seg social, nro seguro social, nuss, ssn id, sozialversicherungsnr, ssnid, ssn,
            ssn last, social security, social security number, social security no, social sec number,
            socsec, soc sec, soc sec no, us ssn, itin, sozialversicherungsnummer, sozialversicherung nummer,
            sv nummer, svnr, rentenversicherungsnummer, numero securite sociale, securite sociale, num secu,
            numero secu, nir, seguridad social, numero seguridad social, nss, seguro social,
            numero seguro social, niss,
            afiliacion ss, ss number, numero afiliacion, numero afiliacion ss, ss number, afiliacion seguridad
            social, numero de seguridad
            social, numero secu sociale, secu, ssnr, social insurance, social insurance no,
            sozialvers number, soz vers number, sv nr, sozialversicherung, rentenvers number, rv nummer, number
            secu, number ss, seguridad social number, afiliacion imss, imss number, numero imss, nss imss, inss,
            numero inss, social ins number
        """,
        Context.SOLO: """
            pis, pasep, nis
        """,
    },
    "tax_id": {
        Context.ANY: """
            stcd, tva intra, numero tva, tva intracommunautaire, tax file number, tfn, utr number,
            unique taxpayer reference, oib, abn, ein number, taxvat, vat id, vat number, vat no, vat nr,
            vat registration number, ust id, ustid, ust idnr, tax id, taxid, tax number, tax no,
            tax identification number, taxpayer id, taxpayer number, tin number, steuer id, steuernummer,
            steuer nummer, steueridentifikationsnummer, steuer identifikations nummer, numero fiscal,
            identifiant fiscal, num fiscal, codice fiscale, codigo fiscal, cpf, nif, rfc, cuit, cuil,
            identificacion fiscal, pan card,
            idnr steuer, steuer idnr, steueridnr, steuer ident number, numero contribuinte, contribuinte number,
            numero contribuyente, cnpj, taxpayer identification, tax reference number, utr,
            tax vat, taxvat number, vat tax id, tax code person, steuer number, steuerkennung, id fiscal,
            identificacion tributaria, registro tributario, rut tributario, nif cif, nif nie, dni cif, cuit cuil,
            fein, itin number
        """,
        Context.SOLO: """
            ruc, tin
        """,
        Context.PEOPLE: """
            vat
        """,
    },
    "national_id": {
        Context.ANY: """
            ausweisnr, ausweis nr, piece identite, num piece identite, id doc no, cod fisc, codice fisc,
            fiscal code, personal identity code, personal identity number, personal code, identity code,
            citizenship number, citizen number, citizen no, tckn, tc kimlik no, kimlik no, pnr nummer,
            social registration number,
            hkid, cnp, egn, jmbg, amka, ahv nummer, ahv number, avs number, numero avs, cpr number,
            cpr nummer, fodselsnummer, isikukood, cccd, nik number, ktp number, my number, emirates id,
            iqama, qid number, id document number, document number, id number, identity number, identity no,
            identity document, identification id, identification number, identification no, national id,
            national identity, national insurance number, national insurance, nino, ni number,
            national identification number, national id number, identity card, identity card number,
            id card, id card number, id card no, citizen id, government id, gov id, govt id,
            personal id number, personal number, aadhaar, aadhaar number, aadhaar id, aadhar, aadhar number,
            pesel, bsn, burgerservicenummer, personnummer, henkilotunnus, hetu, curp, dni, dni number,
            nie number, cedula, rut number, nric, fin number, rrn, resident registration number, voter id,
            social insurance number, sin number, personalausweis, personalausweisnummer, ausweisnummer,
            ausweis nummer, carte identite, carte nationale identite, numero cni, cni, documento identidad,
            numero documento, numero de documento, documento de identidad, rg number, numero rg,
            green card number, visa number, immigration number, alien number,
            id proof number, proof id number, doc identidad, doc identity, titulo eleitor, titulo de eleitor,
            credencial elector, clave elector, carteira identidade, carteira de identidade, sin id, sinid, permit
            number, work permit number, residence permit number, residence permit, aufenthaltstitel, titre sejour,
            titre de sejour, personenkennzahl, identification document, identity doc number, govt issued id, nat id,
            natl id, nat id number, natid,
            nat insurance number, national insurance no, ni no, nat ins number, padron number, insee number, numero
            insee, ine number, numero identite, numero identificacion, cedula identidad, cedula ciudadania, numero
            cedula, cartao cidadao, cartao de cidadao, bilhete identidade, bilhete de identidade, registro geral,
            sus number, cartao sus, cns number, ausweis number, personalausweis number, passport or id number, id
            card nr, alien registration number, uscis number, tribal id
        """,
        Context.SOLO: """
            nie, sin, rg, rut
        """,
    },
    "passport": {
        Context.ANY: """
            psprt no, psprt, psprt number, pspt no, passpt no,
            mrz, machine readable zone, passport, passport number, passport no, passport num, passport nr,
            passport id, passnummer, pass nummer, reisepass, reisepassnummer, reisepass nummer, passeport,
            numero passeport, num passeport, pasaporte, numero pasaporte, passaporte, numero passaporte
        """,
    },
    "driving_licence": {
        Context.ANY: """
            drv lic no, drv license no, drv license, drv lic, driver lic, driver lic no,
            drivers license, driver license, driving license, drivers licence, driver licence,
            driving licence, license number driver, driver license number, drivers license number,
            driver license no, dl number, dl no, dln, fuehrerschein, fuhrerschein, fuehrerscheinnummer,
            fuhrerscheinnummer, permis conduire, permis de conduire, licencia conducir,
            licencia de conducir, carnet conducir, carta conducao, cnh,
            pilot licence number, pilot license number, drivers lic, licence number driver, driver licence number,
            permis number, number permis, licencia manejo, licencia de manejo, numero licencia conducir, carteira
            motorista, carteira de motorista, fuehrerschein number, dl num, dl state number
        """,
    },
    "vehicle": {
        Context.ANY: """
            veh reg, veh reg no, veh plate, veh vin,
            license plate, licence plate, plate number, number plate, registration plate, vin, vin number,
            vehicle identification number, kennzeichen, kfz kennzeichen, fahrgestellnummer, immatriculation,
            plaque immatriculation, matricula vehiculo, placa veiculo, license plate number,
            vehicle registration, vehicle registration number, vehicle reg, car registration, car plate, car reg,
            matricula coche, placa carro, placa vehiculo, immat, chassis number, chassis no,
            vehicle plate, car plates, plate no, reg plate, truck plate, trailer plate, registration
            number vehicle, matricula vehiculo, patente vehiculo, vehicle license, vehicle vin, car
            vin
        """,
        Context.SOLO: """
            plaque, placa, nummernschild
        """,
    },
    "crypto_wallet": {
        Context.ANY: """
            wallet address, wallet addr, btc address, bitcoin address, eth address, ethereum address,
            crypto address, crypto wallet, public address wallet, eth wallet, btc wallet,
            payout address crypto
        """,
    },
}
